"""The thread that starts every host.

PR_SET_PDEATHSIG is about the parent's *thread*: a host started by a short-lived thread would be
killed when that thread ends. So one thread, which ends with this process and not before, starts
them all.
"""

import os
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

_executor: ThreadPoolExecutor | None = None


def spawn(start: Callable[[], subprocess.Popen[bytes]]) -> subprocess.Popen[bytes]:
    """Run ``start`` in the lasting thread, and give the process it started."""
    global _executor
    if _executor is None:
        _executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="host-spawner")
    return _executor.submit(start).result()


def _forget() -> None:
    # Threads do not survive a fork: a forked worker begins with a spawner of its own.
    global _executor
    _executor = None


os.register_at_fork(after_in_child=_forget)
