"""Leases: one worker at a time may train a job, and proves it with every write."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Case, F, Q, When
from django.db.models.functions import Coalesce, Now

from modelmill.core.killpoints import killpoint
from modelmill.core.scope import system_scope, tenant_scope
from modelmill.tenants.models import Tenant
from modelmill.training.failures import Failure
from modelmill.training.fitting import jobs_fitting
from modelmill.training.models import Attempt, Job
from modelmill.training.services.turns import lane_hold, lane_serve, lanes_in_turn
from modelmill.training.states import AT_LIMIT, WORKED_ON, State

_FINISHES_IN_TIME = Q(early_end__in=AT_LIMIT) | Q(error_code=Failure.QUOTA_EXCEEDED)


class LeaseLost(Exception):
    """The job belongs to somebody else by now, or to nobody: stop, and write nothing."""


@dataclass(frozen=True, kw_only=True)
class Lease:
    """The right to write to a job, as long as no newer fence exists."""

    job_id: str
    tenant_id: str
    fence: int
    attempt: int
    worker: str


def job_claim(
    worker: str,
    *,
    device: str = "cpu",
    meter: str = "cpu_ms",
    gpu_memory_mib: int = 0,
    memory_mib: int = 0,
) -> Lease | None:
    """Take the job whose turn it is and that fits this worker; None when there is none.

    Compare-and-swap on the database's clock: of any number of workers that try
    at once, one gets the job. A running job whose lease has expired goes first.
    """
    taker = _Taker(worker=worker, device=device, meter=meter, gpu_memory_mib=gpu_memory_mib)
    fits = jobs_fitting(gpu_memory_mib=gpu_memory_mib, memory_mib=memory_mib)
    with system_scope("workers serve every tenant; the claim finds out which"):
        return _claim_expired(taker, fits) or _claim_in_turn(taker, fits)


def jobs_waiting() -> Q:
    """Say which jobs a worker may take now, as far as it fits them."""
    return _is_open() & Q(state=State.QUEUED, next_run_at__lte=Now())


def lease_update(lease: Lease, **changes: Any) -> None:
    """Change the job, if the lease still holds; raises ``LeaseLost``. Call it in a transaction.

    One that ran out holds no more, though nobody has taken the job yet: by the database's clock
    somebody might have, and no time outside of a lease is billed.
    """
    held = Job.objects.filter(pk=lease.job_id, fence=lease.fence, state=State.RUNNING)
    if held.filter(lease_until__gte=Now()).update(**changes) == 0:
        raise LeaseLost(lease.job_id)


def lease_span() -> timedelta:
    """Return how long a claim or a renewal lasts."""
    return timedelta(seconds=settings.LEASE_S)


def attempt_end(lease: Lease, *, outcome: str, detail: str = "") -> None:
    """Close an attempt's row with how it went; ``detail`` is for the operator."""
    with tenant_scope(lease.tenant_id):
        # A sweep takes the job under a fence of its own, to end the attempt before it.
        open_rows = Attempt.objects.filter(job_id=lease.job_id, ended_at=None)
        open_rows.filter(fence__lte=lease.fence).update(
            ended_at=Now(), outcome=outcome, detail=detail[-20_000:]
        )


@dataclass(frozen=True, kw_only=True)
class _Taker:
    """Who takes a job, and on what."""

    worker: str
    device: str
    meter: str
    gpu_memory_mib: int


def _claim_expired(taker: _Taker, fits: Q) -> Lease | None:
    expired = _is_open() & Q(state=State.RUNNING, lease_until__lt=Now())
    # Not in the swap, too: its guard is to be of the job's own row alone.
    found = Job.objects.filter(expired & fits, tenant__state=Tenant.State.ACTIVE)
    for job_id in found.values_list("id", flat=True):
        with transaction.atomic():
            if _swap(job_id, expired, taker):
                return _attempt_begin(job_id, taker)
    return None


def _claim_in_turn(taker: _Taker, fits: Q) -> Lease | None:
    waits = jobs_waiting()
    for lane in lanes_in_turn(waits & fits):
        with transaction.atomic():
            if not lane_hold(lane):
                continue
            # A job that somebody holds is passed over: they may be about to wait for this lane.
            free = Job.objects.select_for_update(skip_locked=True, no_key=True)
            jobs = free.filter(waits & fits, tenant_id=lane.tenant_id)
            job_id = jobs.order_by("-priority", "id").values_list("id", flat=True).first()
            if job_id is not None and _swap(job_id, waits, taker):
                lane_serve(lane)
                return _attempt_begin(job_id, taker)
    return None


def _is_open() -> Q:
    return Q(desired_state__in=WORKED_ON, attempt__lt=F("max_attempts"))


def _swap(job_id: str, claimable: Q, taker: _Taker) -> bool:
    rows = Job.objects.filter(claimable, pk=job_id)
    return bool(
        rows.update(
            state=State.RUNNING,
            fence=F("fence") + 1,
            attempt=F("attempt") + 1,
            lease_owner=taker.worker,
            lease_until=Now() + lease_span(),
            meter=taker.meter,
            started_at=Coalesce("started_at", Now()),
            # The time to finish in is each worker's own: the wait for it was not.
            finish_asked_at=Case(When(_FINISHES_IN_TIME, then=Now()), default=F("finish_asked_at")),
        )
    )


def _attempt_begin(job_id: str, taker: _Taker) -> Lease:
    killpoint("claim.swapped")
    job = Job.objects.get(pk=job_id)
    with tenant_scope(job.tenant_id):
        # A claim of an expired lease also ends the attempt that held it.
        Attempt.objects.filter(job=job, ended_at=None).update(ended_at=Now(), outcome="worker_lost")
        Attempt.objects.create(
            tenant_id=job.tenant_id,
            job=job,
            fence=job.fence,
            number=job.attempt,
            worker=taker.worker,
            device=taker.device,
            device_memory_mib=taker.gpu_memory_mib,
            started_at=Now(),
        )
    return Lease(
        job_id=job.id,
        tenant_id=job.tenant_id,
        fence=job.fence,
        attempt=job.attempt,
        worker=taker.worker,
    )
