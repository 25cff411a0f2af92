"""Room for what goes first: jobs of a lower tier give their worker up at their next checkpoint.

A job that makes room loses no attempt, no step that it saves within the grace, and no money, and is
queued again. One that began a moment ago is left alone, or two tiers could take turns in doing
nothing.
"""

from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from modelmill.core.clock import database_now
from modelmill.core.rows_apart import row_apart
from modelmill.core.scope import system_scope
from modelmill.tenants.services import tenant_voice
from modelmill.training.fitting import job_fits
from modelmill.training.lanes import Lane
from modelmill.training.models import Attempt, Job, WorkerSeen
from modelmill.training.sayings import Said
from modelmill.training.services.events import event_say
from modelmill.training.services.leases import jobs_waiting
from modelmill.training.services.presence import TRAIN_QUEUE, workers_live, workers_waiting
from modelmill.training.services.turns import lanes_in_turn
from modelmill.training.states import Desired, State

_LEFT_ALONE = timedelta(seconds=60)


@dataclass(frozen=True, kw_only=True)
class _Runner:
    """A job that could make room: how low its tier is, how long it has run, and where."""

    tier: int
    began_s: float
    job_id: str
    tenant_id: str
    fence: int
    worker: WorkerSeen


def room_make() -> int:
    """Ask running jobs to make room for waiting ones of a higher tier; return how many.

    Each waiting lane is given one worker at most in a pass, and none while one that
    fits is idle. Safe to repeat.
    """
    with system_scope("jobs of one tenant make room for another's"):
        runners = _runners()
        if not runners:
            return 0
        coming = Job.objects.filter(state=State.RUNNING, desired_state=Desired.YIELD).count()
        idle = list(workers_waiting())
        chosen: list[_Runner] = []
        for lane in lanes_in_turn(jobs_waiting()):
            if lane.tier <= runners[0].tier:
                break
            first = Job.objects.filter(pk=lane.head).first()
            if first is None or any(job_fits(first, one) for one in idle):
                continue
            if coming:
                coming -= 1
                continue
            found = next((one for one in runners if _gives(one, lane, first)), None)
            if found is not None:
                chosen.append(found)
                runners.remove(found)
            if not runners:
                break
    asked = 0
    for one in chosen:
        with row_apart("room_not_asked", job=one.job_id):
            asked += _ask(one)
    return asked


def _gives(runner: _Runner, lane: Lane, job: Job) -> bool:
    return runner.tier < lane.tier and job_fits(job, runner.worker)


def _runners() -> list[_Runner]:
    """List the jobs that could make room, the first to do so first: lowest tier, least to lose."""
    workers = {worker.name: worker for worker in workers_live(TRAIN_QUEUE)}
    now = database_now()
    attempts = Attempt.objects.filter(
        ended_at=None,
        started_at__lt=Now() - _LEFT_ALONE,
        fence=F("job__fence"),
        job__state=State.RUNNING,
        job__desired_state=Desired.RUN,
        worker__in=workers,
    )
    tiers = dict(
        Lane.objects.filter(tenant_id__in=[one.tenant_id for one in attempts]).values_list(
            "tenant_id", "tier"
        )
    )
    found = [
        _Runner(
            tier=tiers.get(attempt.tenant_id, 0),
            began_s=(now - attempt.started_at).total_seconds(),
            job_id=attempt.job_id,
            tenant_id=attempt.tenant_id,
            fence=attempt.fence,
            worker=workers[attempt.worker],
        )
        for attempt in attempts
    ]
    return sorted(found, key=lambda one: (one.tier, one.began_s, one.job_id))


def _ask(runner: _Runner) -> bool:
    with tenant_voice(runner.tenant_id), transaction.atomic():
        still = Q(pk=runner.job_id, fence=runner.fence, desired_state=Desired.RUN)
        asked = Job.objects.filter(still, state=State.RUNNING).update(desired_state=Desired.YIELD)
        if asked:
            event_say(Said.ASKED_ROOM, job_id=runner.job_id, tenant_id=runner.tenant_id)
    return bool(asked)
