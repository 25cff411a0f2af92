"""Bytes that a dead process left, cleared away."""

from celery import shared_task
from modelmill.core.orphans import orphans_sweep

EVERY_S = {"workers.tasks.orphans.sweep": 21_600.0}


@shared_task(name="workers.tasks.orphans.sweep")
def sweep() -> int:
    """Delete stored bytes that nobody has referred to for a day."""
    return orphans_sweep()
