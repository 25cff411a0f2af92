"""Room to wait: requests that hold a thread for minutes leave some for everybody else.

A waiting prediction, a stream or a long download keeps one of the web process's threads. Without
a bound, one tenant's forty open streams would stop every other tenant's pages.
"""

import threading
from collections import Counter
from collections.abc import Iterator
from typing import IO

from django.conf import settings

from modelmill.core.errors import RateLimited

# No tenant takes more than this share of the room there is.
_SHARE = 2 / 3

_lock = threading.Lock()
_held: Counter[str] = Counter()


class Room:
    """One place to wait, of a tenant's share of this process's; given back once."""

    def __init__(self, tenant_id: str) -> None:
        """Take a place. Raises ``RateLimited`` when there is none."""
        most = settings.WAITING_MAX
        share = max(1, int(most * _SHARE))
        with _lock:
            if _held.total() >= most or _held[tenant_id] >= share:
                raise RateLimited(
                    "Too many requests wait, stream or download at once. Try again in a moment. "
                    "A prediction can also be asked for by POST /v1/predictions and fetched later."
                )
            _held[tenant_id] += 1
        self._tenant_id = tenant_id
        self._is_held = True

    def give_back(self) -> None:
        """Let somebody else wait; a second call does nothing."""
        with _lock:
            if self._is_held:
                self._is_held = False
                _held[self._tenant_id] -= 1
                if not _held[self._tenant_id]:
                    # Or one zero would be kept for each tenant that ever waited.
                    del _held[self._tenant_id]

    def __enter__(self) -> "Room":
        return self

    def __exit__(self, *_error: object) -> None:
        self.give_back()


class Held:
    """A stream that gives its place back when it ends, is closed, or is forgotten unread."""

    def __init__(self, events: Iterator[bytes], room: Room) -> None:
        """Pass ``events`` on."""
        self._events = events
        self._room = room

    def __iter__(self) -> "Held":
        return self

    def __next__(self) -> bytes:
        try:
            return next(self._events)
        except BaseException:
            self._room.give_back()
            raise

    def close(self) -> None:
        """End the stream; the server calls it when the reader is gone."""
        try:
            if hasattr(self._events, "close"):
                self._events.close()
        finally:
            self._room.give_back()

    def __del__(self) -> None:
        """Give the place back of a stream that nobody closed."""
        self._room.give_back()


class HeldFile:
    """An open file that gives its place back when it is closed."""

    def __init__(self, file: IO[bytes], room: Room) -> None:
        """Pass on what is read of ``file``."""
        self._file = file
        self._room = room

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes, none at the end."""
        return self._file.read(size)

    def close(self) -> None:
        """Close the file; the server calls it when the reader is gone."""
        try:
            self._file.close()
        finally:
            self._room.give_back()

    def __del__(self) -> None:
        """Give the place back of a file that nobody closed."""
        self._room.give_back()
