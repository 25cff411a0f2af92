"""The test's end of the nursery: start workers and calls, see how they end, read what they said."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.processes import ROOT, worker_environment

KILLED = -signal.SIGKILL
_READY_S = 60.0


class Nursery:
    """Forks what a test needs; all of it ends with ``close``."""

    def __init__(self, *, redis_url: str, **environ: str) -> None:
        """Start it; the first order waits until everything is imported."""
        self.folder = Path(tempfile.mkdtemp(prefix="modelmill-nursery-"))
        self._count = 0
        self._living: list[Forked] = []
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.nursery"],
            cwd=ROOT,
            env=worker_environment(redis_url=redis_url, **environ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._is_ready = False

    def worker(
        self, queue: str = "train", *, pool: str = "solo", concurrency: int = 1, **more: Any
    ) -> "Forked":
        """Fork a Celery worker and wait until it takes messages, or has died of its plan.

        ``before`` are acts that prepare its process: (``module:function``, its values).
        """
        self._count += 1
        argv = [
            *["worker", "-Q", queue, "-P", pool, "-c", str(concurrency)],
            *["-n", f"w{self._count}@nursery", "--loglevel", "INFO"],
            *["--without-gossip", "--without-mingle", "--without-heartbeat"],
        ]
        child = self._fork(argv=argv, **more)
        child.wait_for(" ready.")
        return child

    def call(self, act: str, *, plan: str = "", options: Any = None, **values: Any) -> "Forked":
        """Fork a call of ``module:function`` with these values, and wait for its end."""
        child = self._fork(call=act, plan=plan, settings=options or {}, **{"with": values})
        child.wait()
        return child

    def order(self, **order: Any) -> Any:
        """Give one order and return the answer."""
        if not self._is_ready:
            self._answer()
            self._is_ready = True
        assert self._process.stdin is not None
        print(json.dumps(order), file=self._process.stdin, flush=True)
        return self._answer()

    def reap(self) -> None:
        """Kill whatever a test has left behind."""
        for child in self._living:
            if child.status() is None:
                child.kill()
        self._living.clear()

    def close(self) -> None:
        """End everything."""
        with contextlib.suppress(OSError):
            self.reap()
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(20)

    def _fork(self, *, plan: str = "", settings: Any = None, **order: Any) -> "Forked":
        self._count += 1
        log = self.folder / f"{self._count}.log"
        log.touch()
        defaults: dict[str, Any] = {"argv": [], "call": "", "environ": {}, "before": []}
        answer = self.order(
            do="fork",
            **{**defaults, **order, "plan": plan, "settings": settings or {}, "log": str(log)},
        )
        child = Forked(self, pid=answer["pid"], log_path=log)
        self._living.append(child)
        return child

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the nursery has ended"
        return json.loads(line)


@dataclass
class Forked:
    """A process that the nursery has forked; its process group is its own."""

    nursery: Nursery
    pid: int
    log_path: Path

    def log(self) -> str:
        """Return everything it has printed."""
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    def status(self) -> int | None:
        """Return its exit code, or minus the signal that ended it; None while it lives."""
        found: int | None = self.nursery.order(do="poll", pid=self.pid)["status"]
        return found

    def wait(self, timeout_s: float = 60) -> int:
        """Wait for its end, and return the status."""
        deadline = time.monotonic() + timeout_s
        while (status := self.status()) is None:
            assert time.monotonic() < deadline, f"it goes on\n{self.log()}"
            time.sleep(0.01)
        return status

    def wait_for(self, words: str, *, timeout_s: float = _READY_S) -> None:
        """Wait until it has printed ``words``, or has been killed."""
        deadline = time.monotonic() + timeout_s
        while words not in self.log():
            status = self.status()
            if status == KILLED:
                return
            assert status is None and time.monotonic() < deadline, self.log()
            time.sleep(0.02)

    def signal(self, number: int) -> None:
        """Send it a signal, and to it alone."""
        os.kill(self.pid, number)

    def kill(self) -> None:
        """End it and its process group at once."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.wait(10)

    def stop(self) -> None:
        """Ask it to end, and make it after twenty seconds."""
        with contextlib.suppress(ProcessLookupError):
            self.signal(signal.SIGTERM)
        try:
            self.wait(20)
        except AssertionError:
            self.kill()
