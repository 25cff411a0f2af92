"""Slow work that nobody waits for any more: it asks now and then, and halts.

Whoever starts the work in a thread says when it is unwanted; copying and unpacking ask.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class Halted(Exception):
    """The work was given up half done: nobody wants its result."""


_is_unwanted: ContextVar[Callable[[], bool] | None] = ContextVar("modelmill_halt", default=None)


@contextmanager
def haltable(is_unwanted: Callable[[], bool]) -> Iterator[None]:
    """Let the work inside the block halt once ``is_unwanted``."""
    token = _is_unwanted.set(is_unwanted)
    try:
        yield
    finally:
        _is_unwanted.reset(token)


def halt_check() -> None:
    """Raise ``Halted`` if nobody wants this work any more; cheap, so ask often."""
    is_unwanted = _is_unwanted.get()
    if is_unwanted is not None and is_unwanted():
        raise Halted
