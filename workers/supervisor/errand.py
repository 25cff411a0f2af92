"""Slow work in a thread of its own, which whoever waits for it may leave."""

import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Generic, TypeVar

import structlog
from django.db import DatabaseError, InterfaceError, connection
from modelmill.core.halting import haltable

logger = structlog.get_logger(__name__)

T = TypeVar("T")

# How long what was left has to halt; a read from a storage that hangs ends by itself, later.
_LEFT_S = 2.0


class Errand(Generic[T]):
    """Begins the work at once; ``undo`` takes away what it has made for nobody."""

    def __init__(self, work: Callable[[], T], *, undo: Callable[[T], object] | None = None) -> None:
        """Begin."""
        self._work = work
        self._undo = undo
        self._lock = threading.Lock()
        self._is_left = self._is_made = False
        pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="supervisor")
        self._future = pool.submit(contextvars.copy_context().run, self._run)
        pool.shutdown(wait=False)

    def is_done(self, *, within_s: float) -> bool:
        """Wait so long at most, and say whether the work has ended, well or not."""
        return bool(wait([self._future], timeout=within_s).done)

    def result(self) -> T:
        """Return what was made, or raise what went wrong."""
        return self._future.result()

    def leave(self) -> None:
        """Have the work halt where it can; what it makes all the same is undone."""
        with self._lock:
            self._is_left, is_made = True, self._is_made
        if not is_made:
            wait([self._future], timeout=_LEFT_S)
        elif self._undo is not None:
            try:
                self._undo(self._future.result())
            except (DatabaseError, InterfaceError):
                # Why it was left matters more; bytes that nobody refers to are swept.
                logger.exception("not_undone")

    def _run(self) -> T:
        """Work in a thread that has a database connection of its own, and close that."""
        try:
            with haltable(lambda: self._is_left):
                made = self._work()
            with self._lock:
                self._is_made, is_left = True, self._is_left
            if is_left and self._undo is not None:
                self._undo(made)
            return made
        finally:
            connection.close()
