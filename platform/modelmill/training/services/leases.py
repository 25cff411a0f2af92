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
from modelmill.training.models import Attempt, Job
from modelmill.training.states import WORKED_ON, EarlyEnd, State

_CANDIDATES = 10


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
    worker: str, *, device: str = "cpu", meter: str = "cpu_ms", gpu_memory_mib: int = 0
) -> Lease | None:
    """Take the oldest job that waits and fits this worker; None when there is none.

    Compare-and-swap on the database's clock: of any number of workers that try
    at once, one gets the job. Also takes a running job whose lease has expired.
    """
    with system_scope("workers serve every tenant; the claim finds out which"):
        for job_id in _candidates(gpu_memory_mib):
            with transaction.atomic():
                if _swap(job_id, worker=worker, meter=meter):
                    return _attempt_begin(Job.objects.get(pk=job_id), worker=worker, device=device)
    return None


def lease_update(lease: Lease, **changes: Any) -> None:
    """Change the job, if the lease still holds; raises ``LeaseLost``. Call it in a transaction."""
    held = Job.objects.filter(pk=lease.job_id, fence=lease.fence, state=State.RUNNING)
    if held.update(**changes) == 0:
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


def _claimable() -> Q:
    waits = Q(state=State.QUEUED, next_run_at__lte=Now())
    expired = Q(state=State.RUNNING, lease_until__lt=Now())
    return (waits | expired) & Q(desired_state__in=WORKED_ON, attempt__lt=F("max_attempts"))


def _candidates(gpu_memory_mib: int) -> list[str]:
    jobs = Job.objects.filter(_claimable(), gpu_memory_mib__lte=gpu_memory_mib)
    # Ids are time-ordered: a job that is tried again keeps its place in the queue.
    return list(jobs.order_by("id").values_list("id", flat=True)[:_CANDIDATES])


def _swap(job_id: str, *, worker: str, meter: str) -> bool:
    rows = Job.objects.filter(_claimable(), pk=job_id)
    return bool(
        rows.update(
            state=State.RUNNING,
            fence=F("fence") + 1,
            attempt=F("attempt") + 1,
            lease_owner=worker,
            lease_until=Now() + lease_span(),
            meter=meter,
            started_at=Coalesce("started_at", Now()),
            # The unbilled time to finish in is each worker's own: the wait for it was not.
            finish_asked_at=Case(
                When(early_end=EarlyEnd.COST_CAP, then=Now()), default=F("finish_asked_at")
            ),
        )
    )


def _attempt_begin(job: Job, *, worker: str, device: str) -> Lease:
    killpoint("claim.swapped")
    with tenant_scope(job.tenant_id):
        # A claim of an expired lease also ends the attempt that held it.
        Attempt.objects.filter(job=job, ended_at=None).update(ended_at=Now(), outcome="worker_lost")
        Attempt.objects.create(
            tenant_id=job.tenant_id,
            job=job,
            fence=job.fence,
            number=job.attempt,
            worker=worker,
            device=device,
            started_at=Now(),
        )
    return Lease(
        job_id=job.id,
        tenant_id=job.tenant_id,
        fence=job.fence,
        attempt=job.attempt,
        worker=worker,
    )
