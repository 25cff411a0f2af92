"""Closing a tenant's time, so that what was invoiced can never grow."""

from datetime import datetime

from django.db import transaction
from django.db.models import OuterRef, Subquery

from modelmill.core.killpoints import killpoint
from modelmill.metering.locks import time_lock
from modelmill.metering.models import UsageSeal
from modelmill.metering.rolling import hour_of, usage_roll
from modelmill.tenants.models import Tenant


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
        killpoint("seal.before_commit")
    return seal.closed_through


def seal_open_from(tenant_id: str) -> datetime:
    """Return where open time begins, and keep it from moving until the caller commits.

    A tenant's time begins with the hour it was created in, so that no event, by
    whatever clock, can lie before the first billing period.
    """
    time_lock(tenant_id, exclusive=False)
    seal = UsageSeal.objects.filter(tenant_id=OuterRef("pk")).values("closed_through")
    tenants = Tenant.objects.filter(pk=tenant_id).values_list("created_at", Subquery(seal))
    created_at, closed_through = tenants.get()
    return closed_through or hour_of(created_at)
