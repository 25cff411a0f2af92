"""Folders for the length of a piece of work. Those of killed processes are cleared by a later one.

A folder is held by a lock on itself, which ends with the process that took it, however it ends.
"""

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

# Only what bears it is ever cleared: a folder gets its name once it is locked.
_HELD = ".held"
_PREFIX = "modelmill-"


@contextmanager
def scratch_folder(purpose: str) -> Iterator[Path]:
    """Make a folder for the length of the block, named after its ``purpose``.

    Its path is resolved while nobody else can write to it: no link in it is ours from then on.
    """
    made = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{purpose}-")).resolve()
    lock_fd = os.open(made, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(lock_fd, fcntl.LOCK_EX)
        folder = made.rename(made.with_name(made.name + _HELD))
        try:
            yield folder
        finally:
            folder_clear(folder)
    finally:
        os.close(lock_fd)


def folder_clear(folder: Path) -> None:
    """Delete a folder with whatever a plugin left in it; what cannot be deleted stays."""
    try:
        shutil.rmtree(folder, ignore_errors=True)
    except RecursionError:
        # Folders in folders in folders: Python goes down by calling itself, rm does not.
        command = ["rm", "-rf", "--", str(folder)]
        subprocess.run(command, check=False, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def abandoned_clear() -> int:
    """Delete the scratch folders of processes that are no more; return how many there were.

    Safe at any time, and beside others that do the same.
    """
    count = 0
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*{_HELD}"):
        # Another user's, or one that was cleared meanwhile.
        with suppress(OSError):
            count += _clear_if_abandoned(folder)
    return count


def _clear_if_abandoned(folder: Path) -> bool:
    lock_fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        # As root some are its plugins' users'.
        if os.geteuid() not in (0, os.fstat(lock_fd).st_uid):
            return False
        fcntl.flock(lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # By its name: what was put in its place meanwhile is no folder of ours, and a link is kept.
        folder_clear(folder)
        return True
    except BlockingIOError:
        return False
    finally:
        os.close(lock_fd)
