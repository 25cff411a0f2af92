"""Regular work on many rows, of which one that fails holds up no other."""

from collections.abc import Iterator
from contextlib import contextmanager

import structlog

logger = structlog.get_logger(__name__)


@contextmanager
def row_apart(event: str, **row: str) -> Iterator[None]:
    """Log what goes wrong inside the block as ``event``, with whose row it was, and go on.

    For a loop over rows of many tenants, outside of any transaction: what the block does is
    undone by its own, and done again when the loop next comes by.
    """
    try:
        yield
    except Exception:
        # As a task's outermost function: nobody can say what one row of all may be wrong in.
        logger.exception(event, **row)
