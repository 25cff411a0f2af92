"""Starting a watched process: cold, or forked from one that has imported the heavy libraries."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import modelmill_sdk
from modelmill_sdk.conformance.scratch import Scratch
from modelmill_sdk.conformance.targets import Target
from modelmill_sdk.conformance.watched import WatchSettings

THREADS = 1

_PASSED_ON = ("LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "MODELMILL_BASE_MODELS")
_PYTHON = (sys.executable, "-P", "-m")


class Process(Protocol):
    """A process that was started."""

    pid: int

    def wait(self, timeout_s: float) -> int | None:
        """Give its exit status (below zero: a signal's number), None if it has not ended."""


# Starts a watched process with its ends of four pipes: to read, to write, to report, to print.
Start = Callable[[WatchSettings, Sequence[int]], Process]


class ColdProcess:
    """A process with an interpreter of its own: nothing imported, another order of sets."""

    def __init__(
        self, settings: WatchSettings, fds: Sequence[int], *, environment: dict[str, str], cwd: Path
    ) -> None:
        """Start it."""
        command = [*_PYTHON, "modelmill_sdk.conformance.watched"]
        self._popen = subprocess.Popen(
            [*command, settings.encode(), *map(str, fds[:3])],
            stdin=subprocess.DEVNULL,
            stdout=fds[3],
            stderr=fds[3],
            cwd=cwd,
            env=environment,
            pass_fds=tuple(fds[:3]),
            start_new_session=True,
        )
        self.pid = self._popen.pid

    def wait(self, timeout_s: float) -> int | None:
        """Give its exit status, None if it has not ended."""
        try:
            return self._popen.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None


class Nursery:
    """A process that imports libraries once, runs nothing, and forks watched processes.

    Forking a process that has computed on several threads hangs the child; one that has only
    imported is safe, and the child begins where the imports have ended.
    """

    def __init__(self, *, environment: dict[str, str], cwd: Path) -> None:
        """Start it; it has imported the SDK's host and nothing else."""
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._popen = subprocess.Popen(
                [*_PYTHON, "modelmill_sdk.conformance.nursery", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                cwd=cwd,
                env=environment,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )

    def start(self, settings: WatchSettings, fds: Sequence[int]) -> "NurseryProcess":
        """Fork a watched process."""
        words = json.dumps({"start": settings.encode()}).encode()
        socket.send_fds(self._socket, [words], list(fds))
        return NurseryProcess(int(self._answer()), self)

    def learn(self, modules: Sequence[str]) -> None:
        """Import these where they can be imported, for the processes that come after."""
        self.ask({"learn": list(modules)})

    def ask(self, words: dict[str, Any]) -> Any:
        """Send words, and give the answer."""
        self._socket.send(json.dumps(words).encode())
        return self._answer()

    def close(self) -> None:
        """End it."""
        self._socket.close()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._popen.pid, signal.SIGKILL)
        self._popen.wait()

    def _answer(self) -> Any:
        said = self._socket.recv(1 << 16)
        if not said:
            raise RuntimeError("The process that forks the others has died.")
        return json.loads(said)


class NurseryProcess:
    """A process that a nursery forked."""

    def __init__(self, pid: int, nursery: Nursery) -> None:
        """Take its number."""
        self.pid = pid
        self._nursery = nursery
        self._status: int | None = None

    def wait(self, timeout_s: float) -> int | None:
        """Give its exit status, None if it has not ended."""
        if self._status is None:
            self._status = self._nursery.ask({"wait": self.pid, "timeout_s": timeout_s})
        return self._status


def host_environment(target: Target, scratch: Scratch) -> dict[str, str]:
    """Compose what a platform's host has: nothing of ours but what a plugin may depend on."""
    sdk = str(Path(modelmill_sdk.__file__).resolve().parents[1])
    inherited = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    paths: Sequence[str] = [*target.paths, sdk, *filter(None, inherited)]
    passed = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return passed | {
        "PATH": os.defpath,
        "HOME": str(scratch.home),
        "USER": "modelmill-host",
        "TMPDIR": str(scratch.temporary),
        "XDG_CACHE_HOME": str(scratch.cache),
        "HF_HOME": str(scratch.cache / "huggingface"),
        "HF_HUB_OFFLINE": "1",
        "HF_DATASETS_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "PYDANTIC_DISABLE_PLUGINS": "__all__",
        "CUDA_VISIBLE_DEVICES": "",
        "OMP_NUM_THREADS": str(THREADS),
        "MKL_NUM_THREADS": str(THREADS),
        "OPENBLAS_NUM_THREADS": str(THREADS),
        "OMP_WAIT_POLICY": "PASSIVE",
        "PYTHONUNBUFFERED": "1",
        "PYTHONSAFEPATH": "1",
        "PYTHONIOENCODING": "utf-8:replace",
        "PYTHONPATH": os.pathsep.join(paths),
    }
