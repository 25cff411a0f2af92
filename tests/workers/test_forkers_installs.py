"""Plugins that come, change and go while a worker runs: the next host knows, warm or not."""

import site
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from modelmill_sdk.protocol import Failed, Loaded, ModelLoad

from tests.environments import environment_make, packages_of
from tests.forking import forker_ready
from workers.hosts import HostProcess, HostSpec, forkers
from workers.hosts.installed import environment_mark

IMPORTS = ("decimal", "numbers")

Load = Callable[[str], tuple[bool, str]]


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of modules of an environment that is, for this test, the workers' own."""
    python = environment_make(tmp_path / "workers")
    packages = packages_of(tmp_path / "workers")
    # What building and describing needs; path files of the real environment are not read again.
    (packages / "zz-ours.pth").write_text(sysconfig.get_path("purelib"))
    monkeypatch.setattr(sys, "executable", str(python))
    monkeypatch.setattr(site, "getsitepackages", lambda: [str(packages)])
    yield packages
    forkers.forkers_close()


@pytest.fixture
def load(tmp_path: Path, packages: Path) -> Load:
    """Load a plugin in a host, as trainings and predictions do; tell if it was warm, and how."""
    numbers = iter(range(100))

    def loaded(plugin_id: str) -> tuple[bool, str]:
        with HostProcess.start(_spec(tmp_path / f"host-{next(numbers)}")) as host:
            model_dir = host.spec.scratch_dir / "model"
            model_dir.mkdir()
            (model_dir / "model.json").write_text("{}")
            named = {"plugin_id": plugin_id, "distribution": plugin_id}
            host.send(ModelLoad(**named, model_dir=model_dir))
            said = host.receive(30)
            assert isinstance(said, Loaded | Failed)
            return host._is_forked, "" if isinstance(said, Loaded) else said.message

    return loaded


def test_a_plugin_installed_in_place_works_at_once_and_is_gone_at_once(
    tmp_path: Path, load: Load
) -> None:
    """As the documents say it: ``mill-plugin new``, then ``uv pip install --no-deps -e``."""
    forker_ready(*IMPORTS)
    assert load("verse") == (True, "PluginMissing: No plugin 'verse' is installed here.")

    _make(tmp_path / "verse")
    _uv("install", "--no-deps", "--no-build-isolation", "--offline", "-e", str(tmp_path / "verse"))
    assert load("verse")[1] == ""
    forker_ready(*IMPORTS)
    assert load("verse") == (True, "")

    _uv("uninstall", "verse")
    assert "No plugin 'verse' is installed" in load("verse")[1]
    forker_ready(*IMPORTS)
    assert load("verse")[0] and "No plugin 'verse' is installed" in load("verse")[1]


def test_one_that_moved_is_read_where_it_is_now(tmp_path: Path, load: Load) -> None:
    for name in ("old", "new"):
        _make(tmp_path / name, name="verse")
    install = ("install", "--no-deps", "--no-build-isolation", "--offline", "-e")
    _uv(*install, str(tmp_path / "old"))
    forker_ready(*IMPORTS)
    assert load("verse") == (True, "")

    source = tmp_path / "new/src/verse/plugin.py"
    source.write_text(source.read_text() + '\n\nraise RuntimeError("the new one")\n')
    _uv(*install, str(tmp_path / "new"))
    forker_ready(*IMPORTS)
    is_warm, said = load("verse")
    assert is_warm and "the new one" in said


def test_hosts_under_way_go_on_when_something_is_installed(tmp_path: Path, packages: Path) -> None:
    old = forker_ready(*IMPORTS)
    with HostProcess.start(_spec(tmp_path / "a")) as host:
        assert host._is_forked
        (packages / "another.pth").write_text(str(tmp_path))
        new = forker_ready(*IMPORTS)
        assert new.pid != old.pid
        with HostProcess.start(_spec(tmp_path / "b")) as other:
            assert other._is_forked and psutil.Process(other.pid).ppid() == new.pid
        assert host.is_alive and old.is_alive
    # Nobody needs it any more.
    assert not old.is_alive
    assert forker_ready(*IMPORTS) is new


def test_what_was_forked_from_before_is_ended_with_the_others(
    tmp_path: Path, packages: Path
) -> None:
    old = forker_ready(*IMPORTS)
    with HostProcess.start(_spec(tmp_path / "a")):
        (packages / "another.pth").write_text(str(tmp_path))
        forker_ready(*IMPORTS)
        forkers.forkers_close()
        assert not old.is_alive


def test_bytecode_and_data_make_no_worker_begin_again(packages: Path) -> None:
    before = environment_mark()
    (packages / "__pycache__").mkdir()
    (packages / "some.json").write_text("{}")
    assert environment_mark() == before
    (packages / "zz-ours.pth").write_text("/nowhere")
    assert environment_mark() != before


def _spec(scratch_dir: Path) -> HostSpec:
    return HostSpec(scratch_dir=scratch_dir, warm_imports=IMPORTS)


def _make(folder: Path, *, name: str = "verse") -> None:
    tool = [sys.executable, "-m", "modelmill_sdk.tools", "new", name]
    subprocess.run([*tool, "--dir", str(folder)], check=True, capture_output=True)


def _uv(*words: str) -> None:
    """Run uv's pip against the environment of the test."""
    command = [sys.executable, "-m", "uv", "pip", *words, "--python", sys.executable]
    subprocess.run(command, check=True, capture_output=True)
