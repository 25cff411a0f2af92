"""The sweep: leases that ran out, jobs that nobody was rung for. Stateless and safe to repeat."""

from dataclasses import dataclass, replace

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from modelmill.core.doorbell import ring as ring_now
from modelmill.core.killpoints import killpoint
from modelmill.core.rows_apart import row_apart
from modelmill.core.scope import system_scope
from modelmill.tenants.models import Tenant
from modelmill.tenants.services import tenant_voice
from modelmill.training.failures import Failure
from modelmill.training.models import Job
from modelmill.training.services.endings import RING, job_fail
from modelmill.training.services.leases import Lease, lease_span
from modelmill.training.services.presence import workers_waiting
from modelmill.training.services.room_making import room_make
from modelmill.training.services.suspending import jobs_suspend
from modelmill.training.services.turns import lanes_mend
from modelmill.training.services.unblocking import jobs_unblock
from modelmill.training.states import State


@dataclass(frozen=True, kw_only=True)
class Swept:
    """What one sweep did."""

    suspended: int
    expired: int
    unblocked: int
    waiting: int
    yielding: int


def jobs_sweep() -> Swept:
    """Take jobs from workers that went silent, queue what became ready, ring for what waits.

    And ask those to make room that a waiting job goes before, and those of a suspended tenant
    to pause.
    """
    # Before what is lost: that is then paused, and not queued.
    suspended = jobs_suspend()
    expired = 0
    for lease in _expired():
        with row_apart("lease_not_expired", job=lease.job_id):
            expired += _expire(lease)
    killpoint("sweep.mid_pass")
    unblocked = jobs_unblock()
    lanes_mend()
    yielding = room_make()
    with system_scope("jobs of every tenant wait for a worker"):
        ready = Job.objects.filter(state=State.QUEUED, next_run_at__lte=Now())
        waiting = ready.filter(tenant__state=Tenant.State.ACTIVE).count()
    # A worker that starts, or ends a job, looks by itself; one ring is enough for
    # an idle one, which goes on until nothing it can do is left.
    if waiting and workers_waiting().exists():
        ring_now(RING, {"job_id": ""})
    return Swept(
        suspended=suspended,
        expired=expired,
        unblocked=unblocked,
        waiting=waiting,
        yielding=yielding,
    )


def _expired() -> list[Lease]:
    with system_scope("leases of every tenant run out"):
        jobs = Job.objects.filter(state=State.RUNNING, lease_until__lt=Now())
        return [
            Lease(
                job_id=job.id,
                tenant_id=job.tenant_id,
                fence=job.fence,
                attempt=job.attempt,
                worker=job.lease_owner,
            )
            for job in jobs.order_by("id")
        ]


def _expire(lease: Lease) -> bool:
    """End a silent worker's attempt.

    It may have come back, or another worker taken the job, since we looked: so the job is first
    taken from it, by the same guard as a claim. Both in one transaction: a sweep that dies between
    them leaves the lease as it was, for the next.
    """
    with tenant_voice(lease.tenant_id), transaction.atomic():
        taken = Job.objects.filter(
            pk=lease.job_id, fence=lease.fence, state=State.RUNNING, lease_until__lt=Now()
        ).update(fence=F("fence") + 1, lease_until=Now() + lease_span())
        if not taken:
            return False
        killpoint("sweep.taken")
        job_fail(replace(lease, fence=lease.fence + 1), code=Failure.WORKER_LOST)
    return True
