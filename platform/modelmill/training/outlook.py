"""Where a waiting job is in the queue, and when it may begin: an estimate, and said to be one."""

import heapq
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Q, QuerySet

from modelmill.billing.subscriptions import subscription_for
from modelmill.core.clock import database_now
from modelmill.core.scope import system_scope
from modelmill.tenants.models import Tenant
from modelmill.training.fitting import job_fits
from modelmill.training.lanes import Lane
from modelmill.training.models import Attempt, Job
from modelmill.training.progress import attempts_left_s, attempts_spent_s
from modelmill.training.services.presence import TRAIN_QUEUE, workers_live
from modelmill.training.states import State

_LOOKED_BACK = 200
_COUNTED = 20
_GUESS_S = 60


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """How many jobs go before, of every tenant; when it may begin and end, None if nobody knows."""

    ahead: int
    seconds_to_start: int | None
    starts_at: datetime | None
    finishes_at: datetime | None


def job_outlook(job: Job) -> Outlook | None:
    """Judge a waiting job by the lanes, and by how long the last jobs took; None for any other.

    How long it will take itself is its own quote, where it has one.

    Others may come, stop early or go first, so both times move. A dozen queries at most; two of
    them read a row for each tenant whose turn comes sooner, and three read attempts: those of the
    last jobs, of the running ones, and of the tenant's own running ones.
    """
    if job.state != State.QUEUED:
        return None
    with system_scope("the queue is shared; only numbers leave this function"):
        took = _took_s()
        typical_s = _mean(took, lambda _plugin_id: True)
        ahead = _ahead(job, typical_ms=int((typical_s or _GUESS_S) * 1000))
        own_s = _quoted_s(job) or _mean(took, lambda plugin_id: plugin_id == job.plugin_id)
        now = database_now()
        # One that is to be tried again is not before its time.
        again_s = (job.next_run_at - now).total_seconds()
        waits_s = (_wait_s(job, ahead, typical_s), _plan_wait_s(job, typical_s), again_s)
    known_s = [one for one in waits_s if one is not None]
    left_s = max(known_s) if len(known_s) == len(waits_s) else None
    starts_at = None if left_s is None else now + timedelta(seconds=left_s)
    return Outlook(
        ahead=ahead,
        seconds_to_start=None if left_s is None else round(left_s),
        starts_at=starts_at,
        finishes_at=starts_at + timedelta(seconds=own_s) if starts_at and own_s else None,
    )


def _wait_s(job: Job, ahead: int, typical_s: float | None) -> float | None:
    """Judge how long the workers that fit need for what runs and what goes before."""
    workers = [one for one in workers_live(TRAIN_QUEUE) if job_fits(job, one)]
    if not ahead and any(not one.job_id for one in workers):
        return 0.0
    if typical_s is None or not workers:
        return None
    left_s = _running_s([one.name for one in workers], typical_s) + ahead * typical_s
    return left_s / len(workers)


def _plan_wait_s(job: Job, typical_s: float | None) -> float | None:
    """Judge how long the tenant's own jobs keep this one waiting, as its plan trains few at once.

    As if each that goes before it here took the place that is free next.
    """
    running = _lefts_s(Q(job__tenant_id=job.tenant_id), typical_s or _GUESS_S)
    at_once = subscription_for(job.tenant_id).plan.at_once
    before = _before(job).count()
    if before + len(running) < at_once:
        return 0.0
    if typical_s is None:
        return None
    # More may run than a smaller plan allows by now: the first of those have no place to leave.
    places = sorted([*running, *[0.0] * (at_once - len(running))])[-at_once:]
    for _ in range(before):
        heapq.heapreplace(places, places[0] + typical_s)
    return places[0]


def _running_s(workers: list[str], typical_s: float) -> float:
    """Judge how long these workers still need for the jobs that they have."""
    return sum(_lefts_s(Q(job__lease_owner__in=workers), typical_s))


def _lefts_s(which: Q, typical_s: float) -> list[float]:
    """Judge how long each of these running jobs still needs."""
    now = database_now()
    held = Attempt.objects.filter(which, job__state=State.RUNNING)
    told = ["fence", "resumed_step", "started_at", "ended_at"]
    told += ["job__fence", "job__step", "job__total_steps"]
    by_job: dict[str, list[Attempt]] = {}
    for attempt in held.select_related("job").only(*told).order_by("fence"):
        by_job.setdefault(attempt.job_id, []).append(attempt)
    return [_left_s(attempts, typical_s, now) for attempts in by_job.values()]


def _before(job: Job) -> QuerySet[Job]:
    """The tenant's own waiting jobs that go before this one."""
    before = Q(priority__gt=job.priority) | Q(priority=job.priority, id__lt=job.id)
    return Job.objects.filter(before, state=State.QUEUED, tenant_id=job.tenant_id)


def _ahead(job: Job, *, typical_ms: int) -> int:
    """Count the waiting jobs that go before this one, if each takes as long as the last ones did.

    Its own lane's are those before it there; another lane's those that begin, by the
    lane's turns, before this one would.
    """
    queued = Job.objects.filter(state=State.QUEUED)
    own = _before(job).count()
    mine = Lane.objects.filter(waits=True, tenant_id=job.tenant_id).first()
    if mine is None:
        return own
    begins_ms = mine.turn_ms + own * typical_ms // mine.share
    others = Lane.objects.filter(waits=True, tenant__state=Tenant.State.ACTIVE)
    others = others.exclude(pk=mine.pk)
    sooner = others.filter(Q(tier__gt=mine.tier) | Q(tier=mine.tier, turn_ms__lte=begins_ms))
    lanes = {lane.tenant_id: lane for lane in sooner}
    theirs = queued.filter(tenant_id__in=sooner.values("tenant_id"))
    counts = theirs.values_list("tenant_id").annotate(count=Count("pk")).order_by()
    return own + sum(
        _begun_before(lanes[tenant_id], count, mine, begins_ms, typical_ms)
        for tenant_id, count in counts
        if tenant_id in lanes
    )


def _begun_before(lane: Lane, count: int, mine: Lane, begins_ms: int, typical_ms: int) -> int:
    if lane.tier > mine.tier:
        return count
    between = begins_ms - lane.turn_ms
    each_ms = max(1, typical_ms // lane.share)
    # Of two at the same turn the older lane is served first.
    begun = between // each_ms + 1 if lane.pk < mine.pk else -(-between // each_ms)
    return max(0, min(count, begun))


def _took_s() -> list[tuple[str, float]]:
    """Return the plugin and the seconds of the trainings that were done last, the newest first."""
    done = Job.objects.filter(state=State.SUCCEEDED).order_by("-finished_at")
    last = dict(done.values_list("id", "release__plugin_id")[:_LOOKED_BACK])
    times = Attempt.objects.filter(job_id__in=last)
    took_s: dict[str, float] = {}
    for job_id, start, end in times.values_list("job_id", "started_at", "ended_at"):
        if end is not None:
            took_s[job_id] = took_s.get(job_id, 0.0) + (end - start).total_seconds()
    return [(plugin_id, took_s[job_id]) for job_id, plugin_id in last.items() if job_id in took_s]


def _quoted_s(job: Job) -> float | None:
    """Return what is left of the time that a job was quoted; None where it was not."""
    if job.quote_ms is None:
        return None
    left = 1 - job.step / job.total_steps if job.total_steps else 1.0
    return job.quote_ms / (1000 * job.quote_devices) * max(0.0, left)


def _mean(took: list[tuple[str, float]], is_like: Callable[[str], bool]) -> float | None:
    """Return the mean of the newest that are alike; None when there is none."""
    alike = [seconds for plugin_id, seconds in took if is_like(plugin_id)][:_COUNTED]
    return sum(alike) / len(alike) if alike else None


def _left_s(attempts: list[Attempt], typical_s: float, now: datetime) -> float:
    """Judge a running job by its attempts: by their pace if it can be told, else by the others."""
    job = attempts[-1].job
    left_s = attempts_left_s(job, attempts, now)
    if left_s is not None:
        return left_s
    spent_s = attempts_spent_s(attempts, now)
    if job.step and job.total_steps:
        return spent_s / job.step * max(0, job.total_steps - job.step)
    return max(0.0, typical_s - spent_s)
