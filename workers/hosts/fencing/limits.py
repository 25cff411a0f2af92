"""Limits: how much of the machine the process may use at once."""

import os
import resource
from contextlib import suppress
from pathlib import Path

# Whoever runs out of memory, the kernel looks for a culprit here first.
_FIRST_TO_GO = "1000"


def limits_set(*, open_files: int, file_bytes: int, processes: int) -> None:
    """Bound what the kernel counts for each process; 0 processes is no bound of their number."""
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_NOFILE, open_files)
    _limit(resource.RLIMIT_FSIZE, file_bytes)
    _limit(resource.RLIMIT_MSGQUEUE, 0)
    if processes:
        _limit(resource.RLIMIT_NPROC, processes)
    # Not RLIMIT_AS: CUDA reserves far more address space than it uses.


def counts_by_namespace() -> bool:
    """Say whether the kernel counts a user's processes in each user namespace apart."""
    major, minor = os.uname().release.split(".")[:2]
    return (int(major), int(minor)) >= (5, 14)


def groups_join(members: list[str]) -> None:
    """Join control groups, each given by its file of members. Raises OSError."""
    for path in members:
        Path(path).write_text("0", encoding="utf-8")


def sacrifice_first() -> None:
    """Be the one the kernel ends when the machine is out of memory."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_FIRST_TO_GO, encoding="utf-8")


def _limit(which: int, value: int) -> None:
    _, hard = resource.getrlimit(which)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(which, (value, value))
