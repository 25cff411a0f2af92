"""Storage, metered by looking: what a tenant stores now, for one window of time."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Sum

from modelmill.core.clock import database_now
from modelmill.core.models import Blob
from modelmill.core.scope import system_scope, tenant_scope
from modelmill.metering.buckets import bucket_of
from modelmill.metering.facts import UsageConflict
from modelmill.metering.models import UsageEvent
from modelmill.metering.services import usage_record

_SOURCE = "storage"
_HOUR_S = 3600


def storage_sample(*, now: datetime | None = None) -> int:
    """Record each tenant's stored bytes for the current window, once; return how many are new.

    ``byte_hours`` = bytes × window ÷ one hour, rounded down; a window in which
    nobody looked is not billed. Both are in the customer's favour. The first
    look at a window counts, later ones change nothing.
    """
    now = now or database_now()
    window_s = settings.STORAGE_SAMPLE_S
    window = f"{bucket_of(now, timedelta(seconds=window_s)):%Y%m%dT%H%M%S}/{window_s}"
    with system_scope("every tenant's storage is sampled"):
        # By tenant first, as the ledger's unique index is: no look at anybody's other events.
        events = UsageEvent.objects.filter(
            tenant_id__in=Blob.objects.values("tenant_id"), source=_SOURCE, event_id=window
        )
        sampled = set(events.values_list("tenant_id", flat=True))
        sizes = list(Blob.objects.values_list("tenant_id").annotate(Sum("size_bytes")))
    return sum(
        _record(tenant_id, window, qty=int(size_bytes) * window_s // _HOUR_S, now=now)
        for tenant_id, size_bytes in sizes
        if tenant_id not in sampled
    )


def _record(tenant_id: str, window: str, *, qty: int, now: datetime) -> bool:
    if qty == 0:
        return False
    with tenant_scope(tenant_id):
        try:
            return usage_record(
                tenant_id=tenant_id,
                source=_SOURCE,
                event_id=window,
                meter="byte_hours",
                qty=qty,
                occurred_at=now,
            )
        except UsageConflict:
            # Two samplers at once saw different sizes: the first one counts.
            return False
