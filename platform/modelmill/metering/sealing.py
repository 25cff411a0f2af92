"""Closing a tenant's time, so that what was invoiced can never grow."""

from datetime import datetime

from django.db import transaction

from modelmill.metering.locks import time_lock
from modelmill.metering.models import UsageSeal
from modelmill.metering.rolling import usage_roll


def usage_seal(*, tenant_id: str, through: datetime) -> datetime:
    """Close the tenant's time before ``through`` and count every event in it.

    Returns where open time begins now; it never moves back. Waits for
    transactions that are writing usage of this tenant (on SQLite there is one
    writer at a time anyway). An event that comes later for closed time is
    accounted at the beginning of open time.
    """
    with transaction.atomic():
        time_lock(tenant_id, exclusive=True)
        seal, _is_new = UsageSeal.objects.get_or_create(
            tenant_id=tenant_id, defaults={"closed_through": through}
        )
        if seal.closed_through < through:
            seal.closed_through = through
            seal.save(update_fields=["closed_through"])
        while usage_roll(tenant_id=tenant_id, wait=True):
            pass
    return seal.closed_through


def seal_open_from(tenant_id: str) -> datetime | None:
    """Return where open time begins, and keep it from moving until the caller commits."""
    time_lock(tenant_id, exclusive=False)
    seals = UsageSeal.objects.filter(tenant_id=tenant_id)
    return seals.values_list("closed_through", flat=True).first()
