"""Draining: a worker that was asked to end gives its job back instead of losing it."""

import threading

_asked = threading.Event()


def drain_ask(**_signal: object) -> None:
    """Ask the running job to checkpoint and go back to the queue; Celery's signal calls this."""
    _asked.set()


def drain_asked() -> bool:
    """Say whether this worker is about to end."""
    return _asked.is_set()


def drain_forget() -> None:
    """Take new work again; for tests, whose process outlives a worker."""
    _asked.clear()
