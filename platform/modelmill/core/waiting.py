"""Room to wait: requests that hold a thread for minutes leave some for everybody else.

A waiting prediction, a stream or a long download keeps one of the web process's threads. Without
a bound, one tenant's forty open streams would stop every other tenant's pages.
"""

import threading
from collections import Counter
from collections.abc import Iterator

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
            is_room = _held.total() < most and _held[tenant_id] < share
            if is_room:
                _held[tenant_id] += 1
        if not is_room:
            raise RateLimited(
                "Too many requests wait, stream or download at once. Try again in a moment. "
                "A prediction can also be asked for by POST /v1/predictions and fetched later."
            )
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
    """A stream that gives its place back when it ends, and also when nobody ever reads it."""

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
