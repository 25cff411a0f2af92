"""Usage over time, in buckets of a minute, an hour or a day, for charts and the API."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.db.models import Count, F, Q, QuerySet, Sum
from django.db.models.functions import Trunc

from modelmill.metering.models import UsageEvent, UsageRollup
from modelmill.metering.selectors import GROUPS, UsageTotal

WIDTHS: Final = {
    "1m": timedelta(minutes=1),
    "1h": timedelta(hours=1),
    "1d": timedelta(days=1),
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class UsageBucket:
    """The sums of one stretch of time, ``[start, end)``; empty when nothing was used."""

    start: datetime
    end: datetime
    totals: list[UsageTotal]


def usage_buckets(
    *,
    start: datetime,
    end: datetime,
    width: str = "1h",
    group_by: Collection[str] = ("meter",),
    where: Q | None = None,
) -> list[UsageBucket]:
    """Sum the events in scope in whole buckets that cover ``[start, end)``, empty ones too.

    Buckets begin at multiples of ``width`` ("1m", "1h", "1d") in UTC: ``start``
    moves back and ``end`` forward to the next border. One statement.
    """
    step = WIDTHS[width]
    first, last = bucket_of(start, step), bucket_of(end + step - timedelta(microseconds=1), step)
    groups = [group for group in GROUPS if group in group_by]
    sums: dict[datetime, dict[tuple[Any, ...], list[int]]] = defaultdict(dict)
    for moment, *key, qty, count in _rows(first, last, width, groups, where or Q()):
        total = sums[bucket_of(moment, step)].setdefault(tuple(key), [0, 0])
        total[0] += int(qty)
        total[1] += int(count)
    return [
        UsageBucket(start=at, end=at + step, totals=_totals(groups, sums.get(at, {})))
        for at in (first + step * number for number in range((last - first) // step))
    ]


def bucket_of(moment: datetime, step: timedelta) -> datetime:
    """Return the beginning of the bucket a moment lies in."""
    return moment - (moment - _EPOCH) % step


def _rows(
    first: datetime, last: datetime, width: str, groups: list[str], where: Q
) -> QuerySet[Any, tuple[Any, ...]]:
    events = UsageEvent.objects.filter(where, accounted_at__gte=first, accounted_at__lt=last)
    if width == "1m":
        return _grouped(events, "accounted_at", "minute", groups, Count("id"))
    hours = UsageRollup.objects.filter(where, hour__gte=first, hour__lt=last)
    pending = events.filter(pending__isnull=False)
    return _grouped(hours, "hour", "hour", groups, Sum("event_count")).union(
        _grouped(pending, "accounted_at", "hour", groups, Count("id")), all=True
    )


def _grouped(
    rows: QuerySet[Any], moment: str, kind: str, groups: list[str], count: Any
) -> QuerySet[Any, tuple[Any, ...]]:
    truncated = rows.annotate(moment=Trunc(F(moment), kind, tzinfo=UTC))
    sums: QuerySet[Any, tuple[Any, ...]] = truncated.values_list("moment", *groups).annotate(
        Sum("qty"), count
    )
    return sums.order_by()


def _totals(groups: list[str], sums: dict[tuple[Any, ...], list[int]]) -> list[UsageTotal]:
    return [
        UsageTotal(qty=qty, event_count=count, **dict(zip(groups, key, strict=True)))
        for key, (qty, count) in sorted(sums.items())
    ]
