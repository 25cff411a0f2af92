"""The end of a plugin whose lease may be somebody else's, even while we wait for the database."""

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

_EVERY_S = 0.2


class Deadline:
    """Ends a plugin's process once ``is_over``, from a thread of its own.

    The supervisor asks the database in the thread in which it listens to the plugin. An answer
    that does not come holds it up for as long as the network takes to give up; by then another
    worker may have begun.
    """

    def __init__(self, *, is_over: Callable[[], bool], end: Callable[[], None]) -> None:
        """Watch from now on, until the block is left."""
        self._is_over = is_over
        self._end = end
        self._left = threading.Event()
        self.has_ended = False
        self._thread = threading.Thread(target=self._watch, name="deadline", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._left.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._left.wait(_EVERY_S):
            if self._is_over():
                self.has_ended = True
                self._end()
                return
