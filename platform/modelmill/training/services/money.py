"""A job's money: set aside before it runs, billed by the slice, settled when it ends."""

from bisect import bisect_right
from dataclasses import replace
from datetime import datetime
from functools import partial

from django.conf import settings
from django.db.models import F
from django.utils.translation import gettext as _

from modelmill.billing.costs import subject_bill
from modelmill.billing.models import Reservation
from modelmill.billing.services import (
    pricer,
    quote_micro,
    reservation_close,
    reservation_grow,
    reservation_open,
)
from modelmill.core.clock import database_now
from modelmill.core.errors import InvalidRequest, QuotaExceeded
from modelmill.core.money import amount_text
from modelmill.metering.services import usage_record
from modelmill.training.models import Attempt, Job
from modelmill.training.services.leases import Lease, lease_update
from modelmill.training.services.turns import lane_charge
from modelmill.training.slices import Paid, Part, Slice, paid_after, slice_parts
from modelmill.training.states import Desired, EarlyEnd

CPU_METER = "cpu_ms"
GPU_METER = "gpu_ms"
SOURCE = "worker"
# A limit that is near before the first steps are made buys nothing.
_LEAST_HEARTBEATS = 4


def limit_check(job: Job) -> None:
    """Raise ``InvalidRequest`` where a new job's cost limit would end it as it begins."""
    if job.max_cost_micro is None:
        return
    least_ms = int(_LEAST_HEARTBEATS * 1000 * settings.HEARTBEAT_S)
    # On one device, the cheaper: on dearer ones it may be asked to finish at once.
    least_micro = min(price_micro(job, meter, least_ms) for meter in _meters(job))
    if job.max_cost_micro < least_micro:
        raise InvalidRequest(
            _("The cost limit is too low to learn anything: set it to %(least)s or more.")
            % {"least": amount_text(least_micro)},
            code="max_cost_too_low",
            param="max_cost_micro",
        )


def reservation_begin(job: Job) -> str:
    """Set aside the price of a job's first minutes; return the reservation's id.

    Nothing yet of a job that is to be quoted first, and nothing of one that makes a model of a
    checkpoint, which nobody pays for. Raises ``QuotaExceeded``.
    """
    is_free = job.quote_first or job.early_end == EarlyEnd.KEPT
    return _reservation(job, amount_micro=0 if is_free else _first_micro(job)).id


def reservation_go_on(job: Job) -> None:
    """Set aside what a job that goes on has cost so far, and the price of its first minutes.

    Raises ``QuotaExceeded``.
    """
    amount_micro = job_cost_micro(job) + _first_micro(job)
    reservation_grow(_reservation(job), amount_micro=_at_most(job, amount_micro))


def reservation_keep_up(job: Job) -> bool:
    """Set aside what the time until the next proof will cost; return False if the money is out."""
    amount_micro = job_cost_micro(job) + _ahead_micro(job)
    try:
        reservation_grow(_reservation(job), amount_micro=_at_most(job, amount_micro))
    except QuotaExceeded:
        return False
    return True


def cost_is_capped(job: Job) -> bool:
    """Say whether the time until the next proof may cost more than the job's limit allows."""
    if job.max_cost_micro is None:
        return False
    return job_cost_micro(job) + _ahead_micro(job) >= job.max_cost_micro


def reservation_settle(job: Job) -> None:
    """Spend what the job cost and give back the rest. Safe to repeat."""
    reservation_close(_reservation(job), spent_micro=job_cost_micro(job))


def job_cost_micro(job: Job) -> int:
    """Return what the job has cost so far: the ledger knows which time was on which device."""
    return subject_bill(job.tenant_id, job.id).subtotal_micro if job.billed_ms else 0


def price_micro(job: Job, meter: str, qty: int, *, at: datetime | None = None) -> int:
    """Return what a quantity of a meter costs the job's tenant, ``at`` a moment or now."""
    usages = [(meter, job.plugin_id, qty)]
    return quote_micro(tenant_id=job.tenant_id, usages=usages, at=at)


def slice_bill(lease: Lease, piece: Slice) -> None:
    """Record a slice's use under the lease, in the caller's transaction, once."""
    fresh = Attempt.objects.filter(
        job_id=lease.job_id, fence=lease.fence, slices__lt=piece.number
    ).update(slices=piece.number)
    if not fresh:
        return
    job = Job.objects.select_related("release").get(pk=lease.job_id)
    paid = Paid(step=job.billed_through_step, still_ms=job.billed_still_ms)
    parts = slice_parts(piece, paid=paid)
    if job.early_end == EarlyEnd.KEPT:
        # The steps were paid for by the job that the checkpoint is of.
        parts = [replace(part, reason="kept") for part in parts]
    if job.quote_first:
        parts = [replace(part, reason="quote") if part.is_billable else part for part in parts]
    # One moment, or a change of prices could come between the limit and the usage it bounds.
    moment = database_now()
    parts = _within_limit(job, parts, at=moment)
    for part in parts:
        _record(job, lease, piece, part, at=moment)
    lane_charge(job.tenant_id, piece.elapsed_ms)
    is_free = job.quote_first
    paid = paid_after(piece, paid=paid)
    lease_update(
        lease,
        # Whoever asked it to finish pays from here on.
        quote_first=is_free and job.desired_state != Desired.FINISH,
        # What comes until the next proof costs as much.
        devices=piece.devices,
        billed_through_step=paid.step,
        billed_still_ms=paid.still_ms,
        billed_ms=F("billed_ms") + sum(part.elapsed_ms for part in parts if part.is_billable),
        free_ms=F("free_ms") + (piece.elapsed_ms if is_free else 0),
    )


def _record(job: Job, lease: Lease, piece: Slice, part: Part, *, at: datetime) -> None:
    name = f"run:{job.id}:f{lease.fence}:s{piece.number}"
    usage_record(
        tenant_id=job.tenant_id,
        source=SOURCE,
        event_id=name if part.is_billable else f"{name}:{part.reason}",
        meter=job.meter,
        qty=part.elapsed_ms,
        occurred_at=at,
        subject=job.id,
        plugin_id=job.plugin_id,
        api_key_id=job.api_key_id,
        billable=part.is_billable,
        reason=part.reason,
        dims={
            "step_from": part.step_from,
            "step_to": part.step_to,
            "attempt": lease.attempt,
            "worker": lease.worker,
            # The quantity is the time of all of them.
            "devices": piece.devices,
        },
    )


def _reservation(job: Job, *, amount_micro: int = 0) -> Reservation:
    """Return the job's reservation; the first call opens it."""
    return reservation_open(
        tenant_id=job.tenant_id, key=f"job:{job.id}", amount_micro=amount_micro, subject=job.id
    )


def _first_micro(job: Job) -> int:
    """Price the first minutes: on the dearer device, as nobody knows yet which it will be."""
    first_ms = settings.TRAIN_RESERVE_S * 1000
    if settings.DEVICES_PER_JOB > 1:
        first_ms *= min(settings.DEVICES_PER_JOB, job.release.devices_most)
    return _at_most(job, max(price_micro(job, meter, first_ms) for meter in _meters(job)))


def _at_most(job: Job, amount_micro: int) -> int:
    """Return the amount, or the job's limit where that is less."""
    return amount_micro if job.max_cost_micro is None else min(amount_micro, job.max_cost_micro)


def _meters(job: Job) -> list[str]:
    return [GPU_METER] if job.gpu_memory_mib else [CPU_METER, GPU_METER]


def _within_limit(job: Job, parts: list[Part], *, at: datetime) -> list[Part]:
    """Bill as much as the customer's limit and money allow; what is beyond them is on us."""
    limit_micro, reason = _limit(job)
    elapsed_ms = sum(part.elapsed_ms for part in parts if part.is_billable)
    if limit_micro is None or elapsed_ms == 0:
        return parts
    # Less one: the ledger rounds all of a job's time at once, and we this piece apart.
    left_micro = limit_micro - job_cost_micro(job) - 1
    price = partial(pricer(tenant_id=job.tenant_id, at=at), job.meter, job.plugin_id)
    if price(elapsed_ms) <= left_micro:
        return parts
    paid_ms = max(0, bisect_right(range(elapsed_ms), left_micro, key=price) - 1)
    within = []
    for part in parts:
        if part.is_billable and paid_ms:
            within.append(replace(part, elapsed_ms=paid_ms))
            beyond = {"step_from": part.step_to, "elapsed_ms": part.elapsed_ms - paid_ms}
            within.append(replace(part, reason=reason, **beyond))
        else:
            within.append(replace(part, reason=part.reason or reason))
    return within


def _limit(job: Job) -> tuple[int | None, str]:
    """Return the most that a job may cost, and why what is beyond that is not billed.

    Of one whose money is out that is what was set aside for it, read without the lock on the
    organisation's money: it only grows under the job's own.
    """
    if job.lacks_money:
        held = Reservation.objects.values_list("amount_micro", flat=True)
        held_micro = held.get(pk=job.reservation_id)
        if job.max_cost_micro is None or held_micro < job.max_cost_micro:
            return held_micro, "no_money"
    return job.max_cost_micro, "cost_cap"


def _ahead_micro(job: Job) -> int:
    return price_micro(job, job.meter, int(2_000 * settings.HEARTBEAT_S) * job.devices)
