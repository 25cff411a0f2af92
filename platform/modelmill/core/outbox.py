"""Messages that leave the house only if the fact they tell of was committed.

The row is written in the caller's transaction; after the commit it is sent at
once, and a relay sends what that missed. A message can therefore arrive twice
and never be lost, so every task that receives one is safe to repeat. All by the database's clock.
"""

from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from modelmill.core.doorbell import ring
from modelmill.core.killpoints import killpoint
from modelmill.core.models import OutboxMessage

_FIRST_RELAY_AFTER = timedelta(seconds=2)
_SLOWEST_RETRY_S = 300
_KEEP_SENT = timedelta(days=7)


def outbox_add(topic: str, *, key: str, payload: dict[str, Any], delay_s: float = 0) -> None:
    """Write one message for the task named ``topic``; a second with the same key adds nothing."""
    message, is_new = OutboxMessage.objects.get_or_create(
        key=key,
        defaults={
            "topic": topic,
            "payload": payload,
            # The relay leaves a fresh row to the sender that wrote it.
            "available_at": Now() + timedelta(seconds=delay_s) + _FIRST_RELAY_AFTER,
        },
    )
    if is_new and delay_s == 0:
        transaction.on_commit(lambda: _send(message), robust=True)


def outbox_relay(*, limit: int = 200) -> int:
    """Send what is due and unsent; return how many went out."""
    due = OutboxMessage.objects.filter(sent_at=None, available_at__lte=Now())
    return sum(_send(message) for message in due.order_by("available_at")[:limit])


def outbox_prune() -> int:
    """Delete messages that were sent more than a week ago; return how many."""
    old = OutboxMessage.objects.filter(sent_at__lt=Now() - _KEEP_SENT)
    return old.delete()[0]


def _send(message: OutboxMessage) -> bool:
    row = OutboxMessage.objects.filter(pk=message.pk)
    killpoint("outbox.before_send")
    if ring(message.topic, message.payload):
        killpoint("outbox.after_send")
        row.update(sent_at=Now())
        return True
    wait_s = min(2 ** min(message.tries, 10), _SLOWEST_RETRY_S)
    row.update(tries=message.tries + 1, available_at=Now() + timedelta(seconds=wait_s))
    return False
