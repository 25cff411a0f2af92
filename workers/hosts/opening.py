"""Opening what lies in folders that a plugin can still change: no link on the way is followed.

``O_NOFOLLOW`` guards only the last name of a path. A plugin that swaps a folder for a link after
its message was checked would have us read, or hand over, whatever we may and it may not; so every
folder on the way is opened by hand, from the root on.
"""

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK


def file_open(path: Path) -> BinaryIO:
    """Open an ordinary file for reading; ``path`` is absolute. Raises OSError for anything else."""
    folder = folder_open(path.parent)
    try:
        fd = os.open(path.name, _FILE, dir_fd=folder)
    finally:
        os.close(folder)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise OSError(f"{path.name} is not an ordinary file.")
    return os.fdopen(fd, "rb")


def folder_open(path: Path, *, make: bool = False) -> int:
    """Return a descriptor of a folder, made first where it is missing and ``make`` says so.

    ``path`` is absolute; whoever calls closes the descriptor. Raises OSError for a link.
    """
    if not path.is_absolute() or ".." in path.parts:
        raise OSError(f"{path} is not a plain absolute path.")
    fd = os.open("/", _FOLDER)
    for name in path.parts[1:]:
        try:
            if make:
                with suppress(FileExistsError):
                    os.mkdir(name, dir_fd=fd)
            inner = os.open(name, _FOLDER, dir_fd=fd)
        finally:
            os.close(fd)
        fd = inner
    return fd
