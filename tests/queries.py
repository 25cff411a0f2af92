"""How many questions a page or a list asks the database."""

from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext


def queries_count(ask: Any, path: str) -> int:
    """Ask a few times and take the least: what is cached for a second may run out during one."""
    ask.get(path)
    counts = []
    for _ in range(5):
        with CaptureQueriesContext(connection) as queries:
            assert ask.get(path).status_code == 200, path
        counts.append(len(queries))
    return min(counts)
