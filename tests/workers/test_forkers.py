"""Hosts forked from a process that has imported already: as fenced, as apart, and much sooner."""

import os
import signal
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from modelmill_sdk.protocol import Loaded, ModelLoad, PredictStart, Result

from tests.environments import environment_make, plugin_install
from tests.forking import forker_ready
from tests.processes import is_gone
from tests.workers.conftest import FAKES, WARM
from workers.hosts import HostDied, HostProcess, HostSpec, forkers

TELLER = """
    import json, os, random, sys, tempfile, threading

    from modelmill_sdk import Params, Plugin, hookimpl

    class Teller(Plugin):
        id = "teller"

        def predict(self, model, inputs, params, run):
            import numpy

            return [{
                "has_decimal": "decimal" in sys.modules,
                "environment": dict(os.environ),
                "cwd": os.getcwd(),
                "temporary": tempfile.gettempdir(),
                "session": os.getsid(0) == os.getpid(),
                "threads": threading.active_count(),
                "descriptors": sorted(int(name) for name in os.listdir("/proc/self/fd"))[:-1],
                "modules": sorted(sys.modules),
                "chance": [random.random(), float(numpy.random.random())],
                "paths": sys.path,
            }]

    @hookimpl
    def register_models(register):
        register(Teller)
    """
SECRET = "hunter2-of-the-database"
IMPORTS = ("decimal", "numpy")


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Have a host tell what it sees of itself, forked or fresh."""
    monkeypatch.setenv("DATABASE_URL", SECRET)
    plugin_install(tmp_path / "plugins", "teller", TELLER)
    numbers = iter(range(100))

    def tell(*imports: str) -> dict[str, Any]:
        spec = HostSpec(
            scratch_dir=tmp_path / f"host-{next(numbers)}",
            python_paths=(tmp_path / "plugins",),
            warm_imports=imports,
        )
        with HostProcess.start(spec) as host:
            assert host._is_forked == bool(imports)
            model_dir = host.spec.scratch_dir / "model"
            model_dir.mkdir()
            host.send(ModelLoad(plugin_id="teller", model_dir=model_dir))
            assert isinstance(host.receive(30), Loaded)
            out_dir = host.spec.scratch_dir / "out"
            host.send(PredictStart(request_id="r", inputs=[{}], out_dir=out_dir))
            said = host.receive(30)
            assert isinstance(said, Result)
            told = {**said.value, "fences": host.fences, "scratch": str(host.spec.scratch_dir)}
            told["initial"] = Path(f"/proc/{host.pid}/environ").read_text()
        return told

    return tell


def test_a_forked_host_sees_what_a_fresh_one_sees(told: Any) -> None:
    assert forker_ready(*IMPORTS).is_ready
    forked, fresh = told(*IMPORTS), told()

    assert forked["fences"] == fresh["fences"]
    for one in (forked, fresh):
        assert one["cwd"] == one["scratch"] and one["temporary"] == f"{one['scratch']}/tmp"
        assert one["session"] and one["threads"] == fresh["threads"]
        assert SECRET not in one["initial"] and SECRET not in str(one["environment"])
        assert len(one["descriptors"]) == 5
    assert _named(forked) == _named(fresh)
    assert "decimal" in forked["modules"]


def test_nothing_of_a_plugins_is_in_what_hosts_are_forked_from(told: Any) -> None:
    assert forker_ready(*IMPORTS).is_ready
    modules = told(*IMPORTS)["modules"]
    assert "teller" in modules
    assert not [name for name in modules if name.startswith(("modelmill.", "django", "workers"))]


def test_two_hosts_do_not_share_their_chance(told: Any) -> None:
    assert forker_ready(*IMPORTS).is_ready
    first, second = told(*IMPORTS)["chance"], told(*IMPORTS)["chance"]
    assert first[0] != second[0] and first[1] != second[1]


def test_how_a_forked_host_ended_is_known(talk_start: Any) -> None:
    talk = talk_start(warm_imports=WARM)
    os.kill(talk.host.pid, signal.SIGKILL)
    with pytest.raises(HostDied) as killed:
        talk.host.receive(10)
    assert killed.value.signal_name == "SIGKILL"
    talk = talk_start(warm_imports=WARM)
    talk.load("fake-trouble")
    talk.ask({"do": "die"})
    with pytest.raises(HostDied) as died:
        talk.until("predict_done", timeout_s=10)
    assert died.value.exit_code is not None


def test_hosts_end_with_what_they_were_forked_from_and_the_next_starts_afresh(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = forker_ready("decimal", "fractions")
    spec = HostSpec(
        scratch_dir=tmp_path / "a", python_paths=(FAKES,), warm_imports=("decimal", "fractions")
    )
    with HostProcess.start(spec) as host:
        assert host._is_forked
        os.kill(found.pid, signal.SIGKILL)
        with pytest.raises(HostDied):
            host.receive(10)
        assert is_gone(host.pid)
    # One that dies young is not started over and over.
    with HostProcess.start(spec) as host:
        assert not host._is_forked
    monkeypatch.setattr(forkers, "_AGAIN_S", 0.0)
    assert forker_ready("decimal", "fractions").pid != found.pid
    with HostProcess.start(spec) as host:
        assert host._is_forked


def test_imports_that_start_a_thread_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "threaded.py").write_text(
        "import threading, time\n"
        "threading.Thread(target=time.sleep, args=(99,), daemon=True).start()\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    found = forker_ready("threaded")
    assert "importing threaded starts threads" in found.why_not
    spec = HostSpec(scratch_dir=tmp_path / "s", python_paths=(FAKES,), warm_imports=("threaded",))
    with HostProcess.start(spec) as host:
        assert not host._is_forked


def test_a_library_that_is_missing_costs_nothing_but_itself() -> None:
    assert forker_ready("no_such_library", "decimal").is_ready


def test_an_own_interpreter_starts_afresh(tmp_path: Path) -> None:
    assert forker_ready(*WARM).is_ready
    python = environment_make(tmp_path / "own")
    with HostProcess.start(
        HostSpec(scratch_dir=tmp_path / "s", python=python, warm_imports=WARM)
    ) as host:
        assert not host._is_forked


def test_a_forked_host_is_there_sooner(tmp_path: Path) -> None:
    assert forker_ready(*IMPORTS).is_ready
    took_s = {}
    for imports in ((), IMPORTS):
        spec = HostSpec(scratch_dir=tmp_path / f"{len(imports)}", warm_imports=imports)
        times = []
        for _ in range(3):
            began = time.monotonic()
            HostProcess.start(spec).close()
            times.append(time.monotonic() - began)
        took_s[imports] = min(times)
    assert took_s[IMPORTS] < took_s[()]


def test_memory_that_is_shared_is_counted_by_share(tmp_path: Path) -> None:
    assert forker_ready(*IMPORTS).is_ready
    spec = HostSpec(scratch_dir=tmp_path / "s", warm_imports=IMPORTS)
    with HostProcess.start(spec) as host:
        assert 1 << 20 < host.rss_bytes() < psutil.Process(host.pid).memory_info().rss


def _named(told: dict[str, Any]) -> dict[str, str]:
    """The environment, without the folder that is each host's own."""
    folder = told["scratch"]
    return {name: text.replace(folder, "…") for name, text in told["environment"].items()}
