"""A stranger's plugin under ``mill-plugin check --fenced``: nothing comes of what it tries."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from modelmill_sdk.conformance.checks import PROMISES
from modelmill_sdk.tools.__main__ import main

from tests.terminals import on_a_terminal

MILL = [sys.executable, "-m", "modelmill_sdk.tools"]
SECRET = "grain-under-the-floor"
DEEDS = ("secret", "variables", "wrote", "planted", "called", "child")

needs_bubblewrap = pytest.mark.skipif(
    shutil.which("bwrap", path=os.defpath) is None, reason="bubblewrap is not installed"
)

PROJECT = """\
[project]
name = "robber"
version = "1.0"
description = "Takes what it finds."
license = "MIT"
authors = [{ name = "A stranger" }]

[project.entry-points.modelmill]
robber = "robber"
"""

ROBBER = """\
import os
import subprocess
import sys
from pathlib import Path

from modelmill_sdk import Plugin, hookimpl

PYTHON = [sys.executable, "-I", "-S", "-c"]


def secret(when):
    assert Path(HOME, ".secret").read_text() == SECRET


def variables(when):
    # Its own process was given none; the tool's, above it, has them all.
    seen, pid = b"", "self"
    while pid != "0" and SECRET.encode() not in seen:
        seen += Path("/proc", pid, "environ").read_bytes()
        status = Path("/proc", pid, "status").read_text()
        pid = status.partition("PPid:")[2].split()[0]
    assert SECRET.encode() in seen


def wrote(when):
    Path(OUTSIDE, when).write_text("I was here.")


def planted(when):
    Path(__file__).with_name(f"{when}.txt").write_text("I was here.")


def called(when):
    connect = f"import socket; socket.create_connection(('127.0.0.1', {PORT}), 5).send(b'{when} ')"
    subprocess.run([*PYTHON, connect], check=True, stderr=subprocess.DEVNULL)


def child(when):
    nobody = subprocess.DEVNULL
    sleep = [*PYTHON, "import time; time.sleep(600)", MARK, when]
    subprocess.Popen(sleep, stdin=nobody, stdout=nobody, stderr=nobody, start_new_session=True)


def rob(when):
    told = [f"{when}: user {os.getuid()}"]
    for deed in (secret, variables, wrote, planted, called, child):
        try:
            deed(when)
            told.append(f"{when}: {deed.__name__} done")
        except Exception as error:
            told.append(f"{when}: {deed.__name__} {type(error).__name__}")
    return "; ".join(told)


class Robber(Plugin):
    id = "robber"
    accepts = ("text",)

    def train(self, run):
        raise RuntimeError(rob("train"))

    def predict(self, model, inputs, params, run):
        return [{} for _ in inputs]


@hookimpl
def register_models(register):
    register(Robber)


print("\\x1b]0;mine\\x07" + rob("import"), flush=True)
"""


@dataclass
class Village:
    """A machine in small: a home with a secret, a folder outside, a server, and the robber."""

    home: Path
    outside: Path
    project: Path
    server: socket.socket
    mark: str

    def check(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Check the robber as its operator would, with a secret in the environment."""
        return subprocess.run(
            [*MILL, "check", str(self.project), *words],
            env={**os.environ, "HOME": str(self.home), "MILL_TOKEN": SECRET},
            capture_output=True,
            text=True,
            check=False,
        )

    def written(self) -> set[str]:
        """Name the files that were not there before."""
        files = [*self.outside.iterdir(), *self.project.glob("*.txt")]
        return {str(file.relative_to(self.home.parent)) for file in files}

    def calls(self) -> set[str]:
        """Say who has connected until now."""
        said = ""
        with contextlib.suppress(BlockingIOError):
            while True:
                talk, _ = self.server.accept()
                with talk:
                    talk.settimeout(5)
                    said += talk.recv(64).decode()
        return set(said.split())

    def children(self) -> dict[int, str]:
        """Find the processes it left, by number."""
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                words = (folder / "cmdline").read_bytes().decode().split("\0")
                if self.mark in words:
                    found[int(folder.name)] = words[words.index(self.mark) + 1]
        return found


@pytest.fixture
def village(tmp_path) -> Iterator[Village]:
    folders = [tmp_path / name for name in ("home", "outside", "robber")]
    for folder in folders:
        folder.mkdir()
    home, outside, project = folders
    (home / ".secret").write_text(SECRET)
    with socket.create_server(("127.0.0.1", 0), backlog=100) as server:
        server.setblocking(False)
        here = Village(home, outside, project, server, mark=str(tmp_path))
        known = {
            "HOME": str(home),
            "OUTSIDE": str(outside),
            "SECRET": SECRET,
            "PORT": server.getsockname()[1],
            "MARK": here.mark,
        }
        told = "".join(f"{name} = {value!r}\n" for name, value in known.items())
        (project / "pyproject.toml").write_text(PROJECT)
        (project / "robber.py").write_text(told + ROBBER)
        yield here
        for pid in here.children():
            os.kill(pid, signal.SIGKILL)


def test_unfenced_it_takes_leaves_and_calls_what_it_likes(village) -> None:
    done = village.check()
    for when in ("import", "train"):
        for deed in DEEDS:
            assert f"{when}: {deed} done" in done.stdout, done.stdout
    assert village.written() == {
        "outside/import", "outside/train", "robber/import.txt", "robber/train.txt"
    }  # fmt: skip
    assert village.calls() == {"import", "train"}
    assert set(village.children().values()) == {"import", "train"}


@needs_bubblewrap
@pytest.mark.parametrize("mode", [0o755, 0o700], ids=["open to others", "closed to others"])
def test_fenced_it_runs_and_nothing_comes_of_it(village, mode) -> None:
    village.project.chmod(mode)
    done = village.check("--fenced")
    # It did run, on import and in its training, and was told no each time.
    assert done.returncode == 1, done.stderr
    for when in ("import", "train"):
        assert f"{when}: secret FileNotFoundError" in done.stdout, done.stdout
        assert f"{when}: variables " in done.stdout
        assert f"{when}: called CalledProcessError" in done.stdout
    # Of root's power nothing is left; where others may read the project, not even root's number.
    if os.geteuid() == 0:
        assert ("import: user 0;" in done.stdout) == (mode == 0o700)
    # A child it can have, and not keep.
    assert done.stdout.count(" done") == done.stdout.count("child done")
    assert village.written() == set()
    assert village.calls() == set()
    assert village.children() == {}
    # Nor does it say anything to the terminal but letters.
    assert "\x1b" not in done.stdout + done.stderr


@needs_bubblewrap
def test_a_right_plugin_passes_fenced_and_by_a_relative_path(tmp_path) -> None:
    assert main(["new", "loud", "--predict-only", "--dir", str(tmp_path / "loud")]) == 0
    words = [*MILL, "check", "loud", "--fenced", "--json"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert '"passed": true' in done.stdout


@needs_bubblewrap
def test_fenced_a_terminal_gets_the_bar_and_stays_out_of_reach(tmp_path) -> None:
    plain = ("new", "loud", "--predict-only", "--dir", str(tmp_path / "loud"))
    assert main(list(plain)) == 0
    module = tmp_path / "loud" / "src" / "loud" / "plugin.py"
    look = "import os, sys\nprint('a terminal:', os.isatty(2), file=sys.stderr, flush=True)\n"
    module.write_text(look + module.read_text())
    status, shown = on_a_terminal([*MILL, "check", "loud", "--fenced"], cwd=tmp_path)
    assert status == 0, shown
    assert "━".encode() in shown
    assert f"{len(PROMISES)}/{len(PROMISES)}".encode() in shown
    assert b"a terminal: False" in shown


@needs_bubblewrap
def test_without_bubblewrap_it_refuses_and_says_what_to_install(village) -> None:
    # A machine without it, made with it: an empty file lies over the program.
    bare = ["bwrap", "--dev-bind", "/", "/"]
    for folder in os.defpath.split(os.pathsep):
        if folder and Path(folder, "bwrap").exists():
            bare += ["--ro-bind", "/dev/null", str(Path(folder, "bwrap").resolve())]
    words = [*bare, "--", *MILL, "check", str(village.project), "--fenced"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "needs bubblewrap, and it is not installed here (on Debian: apt-get" in done.stderr
    assert village.written() == set()


@needs_bubblewrap
def test_a_folder_that_holds_the_home_is_refused(village, monkeypatch, capsys) -> None:
    monkeypatch.setenv("HOME", str(village.home))
    assert main(["check", str(village.home.parent), "--fenced"]) == 2
    assert "holds your home folder" in capsys.readouterr().err


@needs_bubblewrap
def test_a_plugin_that_could_stand_for_pythons_own_modules_is_refused(village) -> None:
    done = subprocess.run(
        [*MILL, "check", ".", "--fenced"],
        cwd=village.project,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "run mill-plugin itself" in done.stderr
    assert village.written() == set()
