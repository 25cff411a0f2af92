"""Whose turn it is: fair between tenants by the device time each has had, by its plan's share.

Start-time fair queueing (Goyal, Vin, Cheng: "Start-time Fair Queueing", SIGCOMM 1996) with tenants
as flows and device time as service. Nobody knows beforehand how long a job takes, so time is
charged as it is proved, and a start costs a little at once: else whoever comes first would have
every free worker. Rows are locked in the order job, lane, balance; a claim, which holds the lane
first, waits for no job.
"""

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Exists, F, IntegerField, Max, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from modelmill.billing.models import Subscription
from modelmill.billing.subscriptions import subscription_for
from modelmill.core.rows_apart import row_apart
from modelmill.core.scope import system_scope, tenant_scope
from modelmill.tenants.models import Tenant
from modelmill.training.lanes import Lane
from modelmill.training.models import Job
from modelmill.training.states import State

_FIRST_BATCH = 4
_LARGEST_BATCH = 64


def lane_open(tenant_id: str) -> None:
    """Let a tenant with a job that waits be served, in the caller's transaction."""
    with tenant_scope(tenant_id), transaction.atomic():
        plan = subscription_for(tenant_id).plan
        Lane.objects.get_or_create(tenant_id=tenant_id)
        lane = Lane.objects.select_for_update().get(tenant_id=tenant_id)
        lane.tier, lane.share, lane.at_once = plan.tier, plan.share, plan.at_once
        if not lane.waits:
            lane.turn_ms = max(lane.turn_ms, _clock_ms(lane.tier))
        lane.waits = True
        lane.save()


def lanes_in_turn(claimable: Q) -> Iterator[Any]:
    """Yield the lanes with a job that may be claimed, in turn, each with that ``head``'s id.

    In system scope. ``claimable`` says which jobs a worker could take. A few rows are read at
    a time, and more only when another worker was sooner at all of them.
    """
    lanes, seen, size = lanes_by_turn(claimable), list[int](), _FIRST_BATCH
    while batch := list(lanes.exclude(pk__in=seen)[:size]):
        yield from batch
        seen += [lane.pk for lane in batch]
        size = min(2 * size, _LARGEST_BATCH)


def lanes_by_turn(claimable: Q) -> QuerySet[Any]:
    """Return the lanes of which a job may be claimed, in turn, with the ``head`` of such jobs.

    The database passes over lanes whose plan is used up, of whose jobs none is claimable, and
    whose tenant is suspended, so that it is one query however many of them there are.
    """
    mine = Job.objects.filter(tenant_id=OuterRef("tenant_id"))
    # Its id rather than whether there is one: for that PostgreSQL would read every job first.
    head = Subquery(mine.filter(claimable).order_by("-priority", "id").values("id")[:1])
    # Not a join either: PostgreSQL could then sort all lanes instead of walking them in turn.
    tenants = Tenant.objects.filter(pk=OuterRef("tenant_id")).order_by()
    state = Subquery(tenants.values("state")[:1])
    lanes = Lane.objects.filter(waits=True).order_by("-tier", "turn_ms", "id")
    may = lanes.alias(running=_count(mine), tenant_state=state).filter(
        running__lt=F("at_once"), tenant_state=Tenant.State.ACTIVE
    )
    return may.annotate(head=head).filter(head__isnull=False)


def lane_hold(lane: Lane) -> bool:
    """Lock a lane until the transaction ends; False when its plan has no room by now."""
    held = Lane.objects.select_for_update().get(pk=lane.pk)
    running = Job.objects.filter(tenant_id=held.tenant_id, state=State.RUNNING).count()
    return held.waits and running < held.at_once


def lane_serve(lane: Lane) -> None:
    """Note that a lane, held, was served."""
    start_ms = int(settings.HEARTBEAT_S * 1000)
    waiting = Job.objects.filter(tenant_id=lane.tenant_id, state=State.QUEUED)
    Lane.objects.filter(pk=lane.pk).update(
        served_ms=F("turn_ms"),
        turn_ms=F("turn_ms") + start_ms / F("share"),
        waits=waiting.exists(),
    )


def lane_charge(tenant_id: str, elapsed_ms: int) -> None:
    """Count device time that a tenant has had, in the transaction that proves it."""
    Lane.objects.filter(tenant_id=tenant_id).update(turn_ms=F("turn_ms") + elapsed_ms / F("share"))


def lanes_mend() -> int:
    """Bring lanes in line with the plans, and with what waits; return how many were not.

    Nothing needs it while all is well: it is for plans that changed, and repairs by hand.
    """
    with system_scope("lanes of every tenant are compared with their plans"):
        plans = Subscription.objects.filter(tenant_id=OuterRef("tenant_id"))
        queued = Exists(Job.objects.filter(tenant_id=OuterRef("tenant_id"), state=State.QUEUED))
        of_plan = {
            f"plan_{name}": Subquery(plans.values(f"plan__{name}")[:1])
            for name in ("tier", "share", "at_once")
        }
        strayed = Lane.objects.annotate(is_queued=queued, **of_plan).exclude(
            tier=F("plan_tier"),
            share=F("plan_share"),
            at_once=F("plan_at_once"),
            waits=F("is_queued"),
        )
        tenants = [lane.tenant_id for lane in strayed]
        lost = Job.objects.filter(state=State.QUEUED).exclude(
            tenant_id__in=Lane.objects.filter(waits=True).values("tenant_id")
        )
        tenants += list(lost.values_list("tenant_id", flat=True).distinct())
    mended = 0
    for tenant_id in set(tenants):
        with row_apart("lane_not_mended", tenant_id=tenant_id):
            mended += _mend(tenant_id)
    return mended


def _mend(tenant_id: str) -> bool:
    with transaction.atomic():
        lane_open(tenant_id)
        with tenant_scope(tenant_id):
            waits = Job.objects.filter(state=State.QUEUED).exists()
            Lane.objects.update(waits=waits)
    return True


def _clock_ms(tier: int) -> int:
    """Return how far the lanes of a tier have been served."""
    with system_scope("all lanes of a tier have one clock"):
        rows = Lane.objects.filter(tier=tier)
        return int(rows.aggregate(now=Max("served_ms"))["now"] or 0)


def _count(jobs: QuerySet[Job]) -> Coalesce:
    running = jobs.filter(state=State.RUNNING).order_by().values("tenant_id")
    counted = running.annotate(count=Count("pk")).values("count")
    return Coalesce(Subquery(counted, output_field=IntegerField()), 0)
