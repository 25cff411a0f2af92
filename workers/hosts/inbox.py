"""The messages that have come from a host and wait to be received."""

import threading
from collections import deque

from modelmill_sdk.protocol import FromChild

MAX_MESSAGES = 1_000
MAX_BYTES = 32 * 1024 * 1024


class InboxClosed(Exception):
    """Nothing waits, and nothing will come."""


class Inbox:
    """A bounded queue: when nobody receives, the host waits, and our memory does not grow."""

    def __init__(self) -> None:
        """Begin empty and open."""
        self._messages: deque[tuple[FromChild, int]] = deque()
        self._bytes = 0
        self._is_closed = False
        self._changed = threading.Condition()

    def put(self, message: FromChild, *, size_bytes: int) -> bool:
        """Add a message, waiting for room; False if the inbox was closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_closed or self._has_room())
            if self._is_closed:
                return False
            self._messages.append((message, size_bytes))
            self._bytes += size_bytes
            self._changed.notify_all()
            return True

    def get(self, *, timeout_s: float | None) -> FromChild | None:
        """Take the oldest message; None if none came in time.

        Raises InboxClosed once it is closed and empty.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._is_closed or bool(self._messages), timeout_s)
            if not self._messages:
                if self._is_closed:
                    raise InboxClosed
                return None
            message, size_bytes = self._messages.popleft()
            self._bytes -= size_bytes
            self._changed.notify_all()
            return message

    def close(self) -> None:
        """Let nothing more in; what waits can still be taken."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def _has_room(self) -> bool:
        return len(self._messages) < MAX_MESSAGES and self._bytes < MAX_BYTES
