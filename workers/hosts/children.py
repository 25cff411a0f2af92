"""A host's process as its parent holds it: started fresh by us, or forked by another for us."""

import contextlib
import os
import select
import signal
import subprocess
from collections.abc import Callable
from typing import Protocol


class Child(Protocol):
    """A process that will end, and whose number is nobody else's until it is reaped."""

    pid: int

    @property
    def returncode(self) -> int | None:
        """As in ``subprocess``: negative for a signal, None before it is reaped."""

    def await_end(self) -> None:
        """Wait until it has ended, and leave it unreaped."""

    def reap(self) -> int | None:
        """Reap it, waiting for its end; return its exit code."""


class SpawnedChild:
    """A child of our own."""

    def __init__(self, popen: subprocess.Popen[bytes]) -> None:
        """Hold a process that ``subprocess`` started."""
        self._popen = popen
        self.pid = popen.pid

    @property
    def returncode(self) -> int | None:
        """How it ended, once it was reaped."""
        return self._popen.returncode

    def await_end(self) -> None:
        """Wait until it has ended, and leave it unreaped."""
        # Somebody who waits for just any child may have reaped it first.
        with contextlib.suppress(ChildProcessError):
            os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)

    def reap(self) -> int | None:
        """Reap it, waiting for its end; return its exit code."""
        return self._popen.wait()


class ForkedChild:
    """A child of the process that was forked for it, which alone can reap it."""

    def __init__(self, pid: int, *, process_fd: int, reap: Callable[[int], int | None]) -> None:
        """Own ``process_fd``, a descriptor of the process; ``reap`` asks its parent."""
        self.pid = pid
        self.returncode: int | None = None
        self._process_fd = process_fd
        self._ask = reap

    def await_end(self) -> None:
        """Wait until it has ended, and leave it unreaped."""
        poll = select.poll()
        poll.register(self._process_fd, select.POLLIN)
        poll.poll()

    def reap(self) -> int | None:
        """Reap it, waiting for its end; without its parent, which the kernel kills it with."""
        self.await_end()
        os.close(self._process_fd)
        status = self._ask(self.pid)
        self.returncode = -signal.SIGKILL if status is None else status
        return self.returncode
