"""The outbox's relay: sends what the sender itself could not."""

from celery import shared_task
from modelmill.core.outbox import outbox_prune, outbox_relay

EVERY_S = {"workers.tasks.outbox.relay": 2.0, "workers.tasks.outbox.prune": 3600.0}


@shared_task(name="workers.tasks.outbox.relay")
def relay() -> int:
    """Send the messages that are due."""
    return outbox_relay()


@shared_task(name="workers.tasks.outbox.prune")
def prune() -> int:
    """Delete messages that were sent long ago."""
    return outbox_prune()
