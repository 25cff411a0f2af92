"""A delivery's tries: claimed by one worker, recorded, and put off when nobody heard.

All by the database's clock.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.db.models import F, Q
from django.db.models.functions import Now

from modelmill.core.clock import database_now
from modelmill.core.doorbell import ring
from modelmill.core.scope import system_scope
from modelmill.tenants.models import WebhookDelivery, WebhookEndpoint
from modelmill.tenants.webhooks.events import TEST_EVENT
from modelmill.tenants.webhooks.services import DELIVER_TASK

# How long to wait after each try in vain, as Standard Webhooks advises; after the last one the
# delivery has failed, some three and a half days after the event.
WAITS: Final = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
# An endpoint that has heard nothing for this long is switched off.
PATIENCE: Final = timedelta(days=5)
_KEPT: Final = timedelta(days=30)
# Longer than a try may take: a worker that died with one leaves it to the next.
_CLAIMED_FOR: Final = timedelta(minutes=2)
_ANSWER_CHARS: Final = 500


@dataclass(frozen=True, kw_only=True)
class Try:
    """How one try went; ``status`` is None when there was no answer at all."""

    status: int | None
    answer: str
    took_ms: int

    @property
    def is_heard(self) -> bool:
        """Whether the endpoint said that it has the event."""
        return self.status is not None and 200 <= self.status < 300


def delivery_claim(delivery_id: str) -> WebhookDelivery | None:
    """Take a delivery that is due, for one try; None when another has it, or it is over."""
    now = database_now()
    waiting = WebhookDelivery.objects.filter(pk=delivery_id, state=WebhookDelivery.State.PENDING)
    # Also one whose tries could not be recorded comes to its end, and none goes to an endpoint
    # that was switched off meanwhile.
    over = waiting.filter(Q(tries__gt=len(WAITS)) | Q(endpoint__is_enabled=False))
    over.exclude(event_type=TEST_EVENT).update(state=WebhookDelivery.State.FAILED, next_try_at=None)
    due = WebhookDelivery.objects.filter(
        pk=delivery_id, state=WebhookDelivery.State.PENDING, next_try_at__lte=now
    )
    if not due.update(tries=F("tries") + 1, next_try_at=now + _CLAIMED_FOR, last_tried_at=now):
        return None
    return WebhookDelivery.objects.select_related("endpoint").get(pk=delivery_id)


def delivery_record(delivery: WebhookDelivery, tried: Try) -> None:
    """Write down how a try went, and when the next one is due."""
    now = database_now()
    state, next_try_at = WebhookDelivery.State.DELIVERED, None
    if not tried.is_heard:
        is_last = delivery.tries > len(WAITS) or not delivery.endpoint.is_enabled
        state = WebhookDelivery.State.FAILED if is_last else WebhookDelivery.State.PENDING
        next_try_at = None if is_last else now + WAITS[delivery.tries - 1]
    # Asked for again meanwhile: then that wish stands, and this try is only its history.
    rows = WebhookDelivery.objects.filter(
        pk=delivery.pk, tries=delivery.tries, last_tried_at=delivery.last_tried_at
    )
    rows.update(
        state=state,
        next_try_at=next_try_at,
        last_status=tried.status,
        last_answer=tried.answer[:_ANSWER_CHARS],
        last_ms=tried.took_ms,
    )
    _endpoint_judge(delivery.endpoint, is_heard=tried.is_heard)


def deliveries_ring() -> int:
    """Ring for the deliveries that are due; return how many. Safe to run anywhere, any time."""
    with system_scope("deliveries of every tenant are due"):
        due = WebhookDelivery.objects.filter(
            state=WebhookDelivery.State.PENDING, next_try_at__lte=database_now()
        )
        rows = list(due.order_by("next_try_at").values_list("pk", "tenant_id")[:500])
    for pk, tenant_id in rows:
        # The row is the memory: a ring that is lost is repeated by the next sweep.
        ring(DELIVER_TASK, {"delivery_id": pk, "tenant_id": tenant_id})
    return len(rows)


def deliveries_prune() -> int:
    """Delete what is over and older than thirty days; return how many."""
    with system_scope("the log of every tenant grows"):
        old = WebhookDelivery.objects.filter(created_at__lt=Now() - _KEPT)
        return old.exclude(state=WebhookDelivery.State.PENDING).delete()[0]


def _endpoint_judge(endpoint: WebhookEndpoint, *, is_heard: bool) -> None:
    rows = WebhookEndpoint.objects.filter(pk=endpoint.pk)
    if is_heard:
        rows.exclude(failing_since=None).update(failing_since=None)
        return
    rows.filter(failing_since=None).update(failing_since=Now())
    rows.filter(failing_since__lt=Now() - PATIENCE).update(is_enabled=False)
