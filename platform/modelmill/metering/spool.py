"""A file of this process's own that counted uses are appended to, one line and one write each.

A line is in the kernel's page cache when ``write`` returns, so the death of the process does not
take it back. A file is written for a second; a lock on it says that its writer lives. Whoever
gets the lock may take the file to the ledger: ``draining``.
"""

import errno
import fcntl
import os
import re
import threading
import time
from pathlib import Path
from typing import Final, NamedTuple

from django.conf import settings

from modelmill.core.ids import new_id

PREFIX: Final = "seg"
# When (a second), whose, what, and with which key. A power cut may leave anything in a file, and
# no database takes everything.
LINE: Final = re.compile(rb"\d{10}\t[\w-]{1,40}\t\w{1,40}\t[\w-]{0,40}", re.ASCII)
# A file is taken to the ledger whole, once it is no longer written: how late usage is seen.
_OPEN_S: Final = 1.0


class Use(NamedTuple):
    """What a line says: one use, at a second of the clock of the machine that counted it."""

    at_s: int
    tenant_id: str
    meter: str
    api_key_id: str


def line_read(line: bytes) -> Use | None:
    """Return the use a line without its newline is of; None when it is damaged."""
    if LINE.fullmatch(line) is None:
        return None
    at_s, tenant_id, meter, api_key_id = line.decode().split("\t")
    return Use(int(at_s), tenant_id, meter, api_key_id)


class Spool:
    """The files of one process, one after another; appended to from any of its threads."""

    def __init__(self) -> None:
        """Open nothing yet."""
        self._lock = threading.Lock()
        self._fd: int | None = None
        self._ends_at_s = 0.0
        # A child must not write its parent's file: two lives would hang on one lock.
        os.register_at_fork(after_in_child=self._forget)

    def append(self, line: bytes) -> None:
        """Keep a line. Raises ``OSError`` when it is not kept: no room on the disk, no folder."""
        with self._lock:
            if self._fd is None or time.monotonic() >= self._ends_at_s:
                self._close()
                self._fd = _open(settings.USAGE_SPOOL_DIR)
                self._ends_at_s = time.monotonic() + _OPEN_S
            if os.write(self._fd, line) != len(line):
                # Half a line may only be a file's last, or the next one would be lost with it.
                self._close()
                raise OSError(errno.ENOSPC, "The line was not written whole.")

    def seal(self) -> None:
        """End the file that is open, so that it may be taken to the ledger."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _forget(self) -> None:
        self._lock = threading.Lock()
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def lock_take(file: int) -> bool:
    """Try to get the lock on a file; False when its writer lives or somebody else drains it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    # Somebody may have drained and removed it between our opening and our locking.
    return os.fstat(file).st_nlink > 0


def _open(folder: Path) -> int:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    while True:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL
        file = os.open(folder / new_id(PREFIX), flags, 0o600)
        fcntl.flock(file, fcntl.LOCK_EX)
        if os.fstat(file).st_nlink > 0:
            return file
        # A drainer came between the two calls, and took it for the empty file of somebody dead.
        os.close(file)
