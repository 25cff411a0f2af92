"""Turns: how many predictions of one model this process takes on at a time.

A model answers one prediction at a time. Were every thread to wait for the same
one, a single busy customer would keep everybody else's models from answering.
What is not taken on stays in the queue, and is rung for as others end.
"""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager


class Turns:
    """Counts what is taken on by key, up to ``most`` each."""

    def __init__(self, most: int) -> None:
        """Begin with nothing taken on."""
        self._most = most
        self._taken: Counter[str] = Counter()
        self._left_waiting: set[str] = set()
        self._lock = threading.Lock()

    @contextmanager
    def one(self, key: str) -> Iterator[bool]:
        """Take one on for the length of the block; False if there are enough already."""
        with self._lock:
            may = self._taken[key] < self._most
            if may:
                self._taken[key] += 1
            else:
                self._left_waiting.add(key)
        try:
            yield may
        finally:
            if may:
                with self._lock:
                    self._taken[key] -= 1
                    if not self._taken[key]:
                        del self._taken[key]

    def left_waiting(self, key: str) -> bool:
        """Say whether something may wait for this key, and forget it."""
        with self._lock:
            if key not in self._left_waiting:
                return False
            self._left_waiting.discard(key)
            return True
