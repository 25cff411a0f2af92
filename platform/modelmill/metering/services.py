"""The metering room's writes: recording use, once."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import structlog
from django.db import connection, transaction

from modelmill.metering.facts import Usage, UsageConflict
from modelmill.metering.models import UsageEvent, UsagePending
from modelmill.metering.sealing import seal_open_from

logger = structlog.get_logger(__name__)


def usage_record(
    *,
    tenant_id: str,
    source: str,
    event_id: str,
    meter: str,
    qty: int,
    occurred_at: datetime,
    subject: str = "",
    plugin_id: str = "",
    model_id: str = "",
    api_key_id: str = "",
    billable: bool = True,
    reason: str = "",
    dims: dict[str, Any] | None = None,
) -> bool:
    """Record one use of a meter, once, in the caller's transaction; return whether it is new.

    The same id and body again store nothing. Raises ``UsageConflict`` for the
    same id with another body, and leaves the caller's transaction usable.
    """
    usage = Usage(
        source=source,
        event_id=event_id,
        meter=meter,
        qty=qty,
        occurred_at=occurred_at,
        subject=subject,
        plugin_id=plugin_id,
        model_id=model_id,
        api_key_id=api_key_id,
        billable=billable,
        reason=reason,
        dims=dims or {},
    )
    new, conflicts = _store([usage], tenant_id=tenant_id)
    if conflicts:
        raise _conflict(conflicts[0])
    return new == 1


def usage_record_many(usages: Sequence[Usage], *, tenant_id: str) -> int:
    """Record several uses, all or none, in three or four statements; return how many are new."""
    with transaction.atomic():
        new, conflicts = _store(usages, tenant_id=tenant_id)
        if conflicts:
            raise _conflict(conflicts[0])
    return new


def _store(usages: Sequence[Usage], *, tenant_id: str) -> tuple[int, list[Usage]]:
    """Insert what is new; return how many that is, and those whose id has another body."""
    if not usages:
        return 0, []
    # No savepoint: nothing below fails on a duplicate, so there is nothing to undo.
    with transaction.atomic(savepoint=False):
        open_from = seal_open_from(tenant_id)
        rows = [_row(usage, tenant_id=tenant_id, open_from=open_from) for usage in usages]
        UsageEvent.objects.bulk_create(rows, ignore_conflicts=True)
        new = _mark_pending([row.id for row in rows])
        conflicts = [] if new == len(rows) else _conflicts(usages, tenant_id=tenant_id)
    return new, conflicts


def _row(usage: Usage, *, tenant_id: str, open_from: datetime) -> UsageEvent:
    fields = {name: getattr(usage, name) for name in Usage.__dataclass_fields__}
    return UsageEvent(
        tenant_id=tenant_id,
        payload_sha256=usage.payload_sha256,
        accounted_at=max(usage.occurred_at, open_from),
        **fields,
    )


def _mark_pending(ids: list[str]) -> int:
    """Mark those of our rows that were inserted; an id that lost to an older row is not there."""
    pending, event = UsagePending._meta.db_table, UsageEvent._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {pending} (event_id, tenant_id) SELECT id, tenant_id FROM {event} "  # noqa: S608
            f"WHERE id IN ({', '.join(['%s'] * len(ids))})",
            ids,
        )
        return int(cursor.rowcount)


def _conflicts(usages: Sequence[Usage], *, tenant_id: str) -> list[Usage]:
    stored = {
        (source, event_id): digest
        for source, event_id, digest in UsageEvent.objects.filter(
            tenant_id=tenant_id,
            source__in={usage.source for usage in usages},
            event_id__in=[usage.event_id for usage in usages],
        ).values_list("source", "event_id", "payload_sha256")
    }
    return [u for u in usages if stored[u.source, u.event_id] != u.payload_sha256]


def _conflict(usage: Usage) -> UsageConflict:
    logger.error("usage_conflict", source=usage.source, event_id=usage.event_id)
    return UsageConflict(
        f"The usage event {usage.source}:{usage.event_id} is already recorded with another body."
    )
