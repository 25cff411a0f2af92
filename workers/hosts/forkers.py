"""The processes that hosts are forked from: started ahead, asked, replaced when they die or age.

One is too old when something was installed or removed since it began: it found its packages then,
and would give a plugin's old files, or none, to every host.
"""

import atexit
import json
import logging
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from workers.hosts import forker
from workers.hosts.children import ForkedChild
from workers.hosts.environment import host_environment, python_paths
from workers.hosts.installed import environment_mark
from workers.hosts.spawner import spawn
from workers.hosts.spec import HostSpec

logger = logging.getLogger(__name__)

PROGRAM = Path(forker.__file__).resolve()

_ANSWER_S = 10.0
_IMPORTS_S = 300.0
# One that died sooner than this after its start is not started again and again.
_AGAIN_S = 60.0
# Of a host's own folder: what libraries work out from their environment as they are imported is
# then, in each host, a place of its own.
_HERE = Path("/proc/self/cwd")
# Arrow's allocator would begin a thread as it is imported.
_QUIET = {"JE_ARROW_MALLOC_CONF": "background_thread:false"}


class ForkerGone(Exception):
    """It ended, or does not answer: start the host afresh."""


class Forker:
    """One such process, and our end of its socket. Any thread may ask it."""

    def __init__(self, imports: tuple[str, ...], *, device: str) -> None:
        """Start it; it is ready some seconds later, when it has imported."""
        self.why_not = ""
        self.is_ready = False
        self.began_at = time.monotonic()
        # Before it reads anything: what is installed meanwhile makes it old, not unnoticed.
        self.mark = environment_mark()
        self._lock = threading.Lock()
        self._hosts: set[int] = set()
        self._is_retired = False
        self._folder = tempfile.mkdtemp(prefix="modelmill-forker-")
        self._asking, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        spec = HostSpec(scratch_dir=_HERE, device=device)
        settings = {
            "parent_pid": os.getpid(),
            "socket_fd": theirs.fileno(),
            "imports": imports,
            "python_paths": [str(path) for path in python_paths(spec)],
        }
        command = [sys.executable, "-I", "-S", "-u", str(PROGRAM), json.dumps(settings)]
        with theirs:
            self._popen = spawn(
                lambda: subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    cwd=self._folder,
                    env=host_environment(spec) | _QUIET,
                    pass_fds=(theirs.fileno(),),
                    start_new_session=True,
                )
            )
        threading.Thread(target=self._await_ready, name="forker-ready", daemon=True).start()

    @property
    def pid(self) -> int:
        """Its number."""
        return self._popen.pid

    @property
    def is_alive(self) -> bool:
        """Whether it runs, importing or ready."""
        return self._popen.poll() is None

    def fork(self, settings: dict[str, Any], fds: tuple[int, int, int, int]) -> ForkedChild:
        """Fork a host: its reading end, writing end, report and output. Raises ForkerGone."""
        answer, process_fds = self._ask({"fork": settings}, fds)
        return ForkedChild(answer["pid"], process_fd=process_fds[0], reap=self.reap)

    def reap(self, pid: int) -> int | None:
        """Reap a host that has ended; None if nobody can tell how."""
        status: int | None = None
        with suppress(ForkerGone):
            status = self._ask({"reap": pid})[0]["status"]
        self._hosts.discard(pid)
        self._close_if_done()
        return status

    def retire(self) -> None:
        """Fork no more, and end with the last of the hosts, which would end with it."""
        self._is_retired = True
        if self.is_ready:
            self.is_ready = False
            # Behind a fork that is under way.
            with self._lock:
                pass
        self._close_if_done()

    def close(self) -> None:
        """End it, and with it every host that was forked from it."""
        self.is_ready = False
        self._popen.kill()
        self._popen.wait()
        # Whoever still listens hears the end of it first.
        with self._lock:
            self._asking.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _close_if_done(self) -> None:
        if self._is_retired and not self._hosts:
            self.close()

    def _ask(
        self, request: dict[str, Any], fds: tuple[int, ...] = ()
    ) -> tuple[dict[str, Any], list[int]]:
        packet = json.dumps(request).encode()
        if len(packet) > forker.MAX_PACKET_BYTES:
            raise ForkerGone("the request is too long")
        try:
            with self._lock:
                if "fork" in request and self._is_retired:
                    raise ForkerGone("something was installed or removed meanwhile")
                self._asking.settimeout(_ANSWER_S)
                socket.send_fds(self._asking, [packet], fds)
                answer, got, _flags, _address = socket.recv_fds(
                    self._asking, forker.MAX_PACKET_BYTES, 1
                )
                told = json.loads(answer or b"{}")
                if "pid" in told:
                    self._hosts.add(told["pid"])
        except OSError as error:
            # What it did meanwhile nobody knows, so it must do nothing more.
            self._popen.kill()
            raise ForkerGone(str(error)) from error
        if not answer:
            raise ForkerGone("it ended")
        return told, got

    def _await_ready(self) -> None:
        try:
            with self._lock:
                self._asking.settimeout(_IMPORTS_S)
                told = json.loads(self._asking.recv(forker.MAX_PACKET_BYTES) or b"{}")
        except OSError as error:
            told = {"refused": str(error)}
        if self._is_retired:
            return
        self.why_not = told.get("refused", "" if told else "it ended while it imported")
        if self.why_not:
            logger.warning("Plugins start without a warm process: %s", self.why_not)
            self._popen.kill()
            return
        for name, why in told["missing"].items():
            logger.info("Not imported ahead: %s (%s)", name, why)
        logger.info("Plugins start warm: imported in %s ms.", told["import_ms"])
        self.is_ready = True


_forkers: dict[tuple[tuple[str, ...], str], Forker] = {}
_retired: list[Forker] = []
_lock = threading.Lock()


def forker_prepare(imports: tuple[str, ...], *, device: str) -> Forker | None:
    """Return this process's forker, started now if there is none; None where there can be none.

    It may not be ready yet. One that is older than what is installed is replaced, and one that
    died, but that not over and over.
    """
    if not imports or sys.platform != "linux" or not hasattr(os, "pidfd_open"):
        return None
    with _lock:
        found = _forkers.get((imports, device))
        if found is not None and found.mark != environment_mark():
            logger.info("Something was installed or removed: hosts are forked from a new process.")
            _retire(found)
            found = None
        if found is not None and not found.is_alive:
            if found.why_not or time.monotonic() - found.began_at < _AGAIN_S:
                return None
            logger.warning("The process that hosts are forked from died; another is started.")
            found.close()
            found = None
        if found is None:
            found = _forkers[imports, device] = Forker(imports, device=device)
    return found


def forker_for(spec: HostSpec) -> Forker | None:
    """Return the forker that is ready to fork such a host, or None: start it afresh.

    An own interpreter has libraries of its own, which must not run unfenced; and what bubblewrap
    starts is no fork of ours.
    """
    if spec.python is not None or spec.level != "L1":
        return None
    found = forker_prepare(spec.warm_imports, device=spec.device)
    return found if found is not None and found.is_ready else None


def forkers_close() -> None:
    """End every forker of this process, and every host forked from them."""
    with _lock:
        for found in (*_forkers.values(), *_retired):
            found.close()
        _forget()


def _retire(found: Forker) -> None:
    found.retire()
    _retired[:] = [one for one in (*_retired, found) if one.is_alive]


def _forget() -> None:
    # They are children of the process that was forked, and not of the fork.
    _forkers.clear()
    _retired.clear()


atexit.register(forkers_close)
os.register_at_fork(after_in_child=_forget)
