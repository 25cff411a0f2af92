"""The metering room's reads: sums that are exact at any instant, and the events behind them."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Q, QuerySet, Sum

from modelmill.core.errors import NotFound
from modelmill.metering.models import UsageEvent, UsageRollup
from modelmill.metering.rolling import hour_of

GROUPS = ("meter", "plugin_id", "model_id", "api_key_id", "billable")
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class UsageTotal:
    """A sum of events; a field that was not grouped by is None."""

    qty: int
    event_count: int
    meter: str | None = None
    plugin_id: str | None = None
    model_id: str | None = None
    api_key_id: str | None = None
    billable: bool | None = None


def usage_totals(
    *,
    start: datetime,
    end: datetime,
    group_by: Collection[str] = ("meter", "plugin_id", "billable"),
    where: Q | None = None,
) -> list[UsageTotal]:
    """Sum the events in scope accounted in ``[start, end)``, exactly, in one statement.

    Whole hours come from the rollups and from what is not rolled up yet, the
    edges from the events; one statement, so that a roller between two of them
    cannot hide or double an event. ``where`` filters by the group fields.
    """
    groups = [group for group in GROUPS if group in group_by]
    parts = _parts(start=start, end=end)
    queries = [
        rows.filter(where or Q())
        .values_list(*groups)
        .annotate(Sum("qty"), Count("id") if rows.model is UsageEvent else Sum("event_count"))
        .order_by()
        for rows in parts
    ]
    sums: dict[tuple[Any, ...], list[int]] = defaultdict(lambda: [0, 0])
    for *key, qty, count in queries[0].union(*queries[1:], all=True):
        if count:
            sums[tuple(key)][0] += int(qty)
            sums[tuple(key)][1] += int(count)
    return [
        UsageTotal(qty=qty, event_count=count, **dict(zip(groups, key, strict=True)))
        for key, (qty, count) in sorted(sums.items())
    ]


def usage_events(
    *, start: datetime | None = None, end: datetime | None = None, **filters: Any
) -> QuerySet[UsageEvent]:
    """Return the events in scope accounted in ``[start, end)``, newest first.

    ``filters`` are equalities of event fields: meter, plugin_id, subject, billable …
    """
    rows = UsageEvent.objects.filter(**filters)
    if start is not None:
        rows = rows.filter(accounted_at__gte=start)
    if end is not None:
        rows = rows.filter(accounted_at__lt=end)
    return rows.order_by("-id")


def qty_unbilled(*, reason: str, since: datetime) -> int:
    """Sum what in scope was recorded since then and not billed, for a reason."""
    rows = UsageEvent.objects.filter(accounted_at__gte=since, billable=False, reason=reason)
    return int(rows.aggregate(Sum("qty"))["qty__sum"] or 0)


def access_usage_event(event_id: str) -> UsageEvent:
    """Return one event in scope, or raise ``NotFound``."""
    event = UsageEvent.objects.filter(pk=event_id).first()
    if event is None:
        raise NotFound("There is no such usage event.")
    return event


def usage_of_subjects(
    subjects: Iterable[str], *, start: datetime | None = None, end: datetime | None = None
) -> dict[str, list[UsageTotal]]:
    """Sum what each of these used so far, by meter, plugin and billing; one query.

    With ``start`` and ``end`` only what was accounted in ``[start, end)``.
    """
    events = UsageEvent.objects.filter(subject__in=list(subjects))
    if start is not None:
        events = events.filter(accounted_at__gte=start)
    if end is not None:
        events = events.filter(accounted_at__lt=end)
    rows = (
        events.values_list("subject", "meter", "plugin_id", "billable")
        .annotate(Sum("qty"), Count("id"))
        .order_by("subject", "meter", "plugin_id", "billable")
    )
    totals: dict[str, list[UsageTotal]] = {}
    for subject, meter, plugin, billable, qty, count in rows:
        total = UsageTotal(
            meter=meter, plugin_id=plugin, billable=billable, qty=int(qty), event_count=count
        )
        totals.setdefault(subject, []).append(total)
    return totals


def _parts(*, start: datetime, end: datetime) -> list[QuerySet[Any]]:
    """Split ``[start, end)`` into rolled hours, their pending events, and the edges' events."""
    first = hour_of(start) if start == hour_of(start) else hour_of(start) + _HOUR
    last = hour_of(end)
    events = UsageEvent.objects.all()
    if first >= last:
        return [events.filter(accounted_at__gte=start, accounted_at__lt=end)]
    return [
        UsageRollup.objects.filter(hour__gte=first, hour__lt=last),
        events.filter(pending__isnull=False, accounted_at__gte=first, accounted_at__lt=last),
        events.filter(accounted_at__gte=start, accounted_at__lt=first),
        events.filter(accounted_at__gte=last, accounted_at__lt=end),
    ]
