"""Summing events into hours, each exactly once."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from django.db import connection, transaction

from modelmill.core.killpoints import killpoint
from modelmill.core.scope import system_scope, tenant_scope
from modelmill.metering.locks import time_lock
from modelmill.metering.models import UsageEvent, UsagePending, UsageRollup

KEYS = ("meter", "plugin_id", "model_id", "api_key_id", "billable")
_BATCH = 5_000
_COLUMNS = ("tenant_id", "hour", *KEYS)

Sums = dict[tuple[Any, ...], list[int]]


def usage_roll(*, tenant_id: str, limit: int = _BATCH, wait: bool = False) -> int:
    """Count up to ``limit`` pending events of one tenant; return how many.

    Events leave the pending set in the transaction that adds them to their
    hours, so a crash or a second roller can neither lose nor double one.
    ``wait`` waits for events another roller holds; otherwise they are its own.
    """
    with transaction.atomic():
        ids = list(
            UsagePending.objects.select_for_update(skip_locked=not wait)
            .filter(tenant_id=tenant_id)
            .order_by("event_id")
            .values_list("event_id", flat=True)[:limit]
        )
        if ids:
            events = UsageEvent.objects.filter(tenant_id=tenant_id, id__in=ids)
            _add_to_hours(tenant_id, _sums(events.values_list("accounted_at", *KEYS, "qty")))
            killpoint("roll.summed")
            UsagePending.objects.filter(tenant_id=tenant_id, event_id__in=ids).delete()
            killpoint("roll.before_commit")
    return len(ids)


def usage_roll_all() -> int:
    """Count the pending events of every tenant; return how many."""
    with system_scope("the roller visits every tenant with pending usage"):
        tenants = list(UsagePending.objects.values_list("tenant_id", flat=True).distinct())
    total = 0
    for tenant_id in tenants:
        with tenant_scope(tenant_id):
            while count := usage_roll(tenant_id=tenant_id):
                total += count
    return total


def usage_rebuild(*, tenant_id: str) -> int:
    """Make a tenant's hours anew from the ledger alone; return how many events they count."""
    with transaction.atomic():
        time_lock(tenant_id, exclusive=True)
        UsagePending.objects.filter(tenant_id=tenant_id).delete()
        UsageRollup.objects.filter(tenant_id=tenant_id).delete()
        events = UsageEvent.objects.filter(tenant_id=tenant_id)
        sums = _sums(events.values_list("accounted_at", *KEYS, "qty").iterator(_BATCH))
        _add_to_hours(tenant_id, sums)
    return sum(count for _qty, count in sums.values())


def hour_of(moment: datetime) -> datetime:
    """Return the beginning of the hour, in UTC, that a moment lies in."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _sums(rows: Iterable[tuple[Any, ...]]) -> Sums:
    sums: Sums = defaultdict(lambda: [0, 0])
    for accounted_at, *key, qty in rows:
        total = sums[(hour_of(accounted_at), *key)]
        total[0] += qty
        total[1] += 1
    return sums


def _add_to_hours(tenant_id: str, sums: Sums) -> None:
    columns = (*_COLUMNS, "qty", "event_count")
    table = connection.ops.quote_name(UsageRollup._meta.db_table)
    moment = connection.ops.adapt_datetimefield_value
    # In one order everywhere, or two rollers could wait for each other.
    rows = [(tenant_id, moment(key[0]), *key[1:], *sums[key]) for key in sorted(sums)]
    with connection.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO {table} AS held ({', '.join(columns)}) "  # noqa: S608
            f"VALUES ({', '.join(['%s'] * len(columns))}) "
            f"ON CONFLICT ({', '.join(_COLUMNS)}) DO UPDATE SET "
            "qty = held.qty + excluded.qty, event_count = held.event_count + excluded.event_count",
            rows,
        )
