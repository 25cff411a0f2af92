"""The house under attack, and the table of what came of each attack."""

import os
import re
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from modelmill_sdk.tools.fencing import bubblewrap_find

from tests.escapes.house import CANARY, House
from tests.escapes.probes import EVERY, USER, Probe
from workers.hosts import HostProcess

_ROWS = pytest.StashKey[dict[str, tuple[str, str, str]]]()
_WIDTH = 100

Row = Callable[[Probe, str, str], None]


@pytest.fixture(scope="session")
def house(valkey_server: Any) -> Iterator[House]:
    """One house for all attacks, in a folder that any user may enter."""
    with tempfile.TemporaryDirectory(prefix="modelmill-house-") as folder:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("DATABASE_URL", CANARY)
            house = House(Path(folder).resolve(), broker_port=valkey_server.port)
        yield house
        house.close()


@pytest.fixture(autouse=True)
def _canary(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a host could inherit of its worker, in these tests alone."""
    monkeypatch.setenv("DATABASE_URL", CANARY)


@pytest.fixture(scope="session")
def asked(house: House) -> Callable[[str], HostProcess]:
    """Give the host of a level that is asked one probe after the other."""
    hosts: dict[str, HostProcess] = {}

    def asked(level: str) -> HostProcess:
        if level not in hosts or not hosts[level].is_alive:
            hosts[level] = house.host(level=level)
        return hosts[level]

    return asked


@pytest.fixture
def level(request: pytest.FixtureRequest) -> str:
    """Each level of isolation; L2 is left out aloud where bubblewrap is not installed."""
    if request.param.startswith("L2") and bubblewrap_find() is None:
        pytest.skip("L2 SKIPPED: bubblewrap is not installed; apt-get install bubblewrap.")
    return str(request.param)


@pytest.fixture
def require() -> Callable[[HostProcess, Probe], None]:
    """``require(host, probe)``: skip what the kernel has no fence for; not on Linux 6."""

    def require(host: HostProcess, probe: Probe) -> None:
        missing = {name: host.fences[name] for name in probe.needs if host.fences[name][:2] != "on"}
        # A user of its own no kernel gives to anybody but root.
        is_owed = os.geteuid() == 0 or set(missing) != {USER}
        if missing and is_owed and int(os.uname().release.split(".")[0]) >= 6:
            pytest.fail(f"this kernel should have it: {missing}")
        if missing:
            pytest.skip(f"{probe.name} SKIPPED: {missing}")

    return require


@pytest.fixture
def row(request: pytest.FixtureRequest) -> Row:
    """``row(probe, level, result)``: write a line of the table."""
    rows = request.config.stash.setdefault(_ROWS, {})

    def row(probe: Probe, level: str, result: str) -> None:
        known = rows.get(probe.name, ("", "", ""))
        both = f"{known[0]}, {level}" if known[0] else level
        line = " ".join(_anywhere(result).split())
        rows[probe.name] = (both, known[1] or line[:_WIDTH], probe.by)

    return row


def _anywhere(text: str) -> str:
    """Leave out of a line what is different on every machine and each time."""
    for place, name in ((Path(__file__).parents[2], "…"), (Path.home(), "~")):
        text = text.replace(str(place), name)
    text = re.sub(r"/\S*/modelmill-house-\w+", "house", text)
    return re.sub(r"/proc/\d+", "/proc/N", text)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print the table when ESCAPES=1 asks for it."""
    rows = config.stash.get(_ROWS, {})
    if os.environ.get("ESCAPES") != "1" or not rows:
        return
    terminalreporter.section("escapes")
    terminalreporter.write_line("| probe | level | result | contained by |")
    terminalreporter.write_line("|---|---|---|---|")
    for probe in EVERY:
        if probe.name in rows:
            levels, result, by = rows[probe.name]
            result = result.replace("|", "\\|")
            terminalreporter.write_line(f"| {probe.title} | {levels} | {result} | {by} |")
    terminalreporter.write_line(f"{len(rows)} probes")
