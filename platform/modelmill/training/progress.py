"""How far a job is, how long it will take, and what it cost."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import Any

from modelmill.core.clock import database_now
from modelmill.training.models import Attempt, Job, JobEvent
from modelmill.training.services.money import job_cost_micro
from modelmill.training.states import State

# A minute of a training that tells much, and longer of others.
_POINTS = 200
_APART = timedelta(seconds=1)


@dataclass(frozen=True, kw_only=True)
class Progress:
    """A job's progress at one moment. ``seconds_left`` is None while nobody can know.

    ``elapsed_s`` is what workers spent on it; what it waited, paused or queued, is not in it.
    ``attempt`` is its newest try, 0 before the first; ``is_resumed`` says that nothing had failed
    when this worker took it up, such as after a pause: that begins no new try.
    """

    step: int
    total_steps: int
    fraction: float
    elapsed_s: int
    seconds_left: int | None
    estimated_finish: datetime | None
    cost_micro: int
    metrics: dict[str, Any]
    attempt: int
    is_resumed: bool


def job_progress(job: Job) -> Progress:
    """Measure how far a job is, and judge by its newest curves how long it still needs."""
    now = database_now()
    fraction = job.step / job.total_steps if job.total_steps else 0.0
    attempts = list(
        Attempt.objects.filter(job=job)
        .only("fence", "number", "resumed_step", "started_at", "ended_at")
        .order_by("fence")
    )
    number = attempts[-1].number if attempts else 0
    left_s = _left_s(job, attempts, now) if job.state == State.RUNNING else None
    return Progress(
        step=job.step,
        total_steps=job.total_steps,
        fraction=1.0 if job.state == State.SUCCEEDED else min(fraction, 1.0),
        elapsed_s=int(attempts_spent_s(attempts, now)),
        seconds_left=left_s,
        estimated_finish=None if left_s is None else now + timedelta(seconds=left_s),
        cost_micro=job_cost_micro(job),
        metrics=job.metrics,
        attempt=number,
        is_resumed=any(one.number == number for one in attempts[:-1]),
    )


def _left_s(job: Job, attempts: Iterable[Attempt], now: datetime) -> int | None:
    """Judge a running job by its newest points; by its attempt while those are few."""
    pace_s = _pace_s(job) if job.total_steps else None
    if pace_s is None:
        return attempts_left_s(job, attempts, now)
    return max(0, round(pace_s * (job.total_steps - job.step)))


def _pace_s(job: Job) -> float | None:
    """Return the seconds of a step, by the newest points of the curves; None while there are few.

    What lies between two attempts, a wait and a start, is one gap of many, and the median is none.
    """
    points = JobEvent.objects.filter(job=job, kind=JobEvent.Kind.METRICS).order_by("-seq")
    newest = list(points.values_list("created_at", "step")[:_POINTS])
    reached: list[tuple[datetime, int]] = []
    for at, step in reversed(newest):
        # Points that were stored together say nothing of the time between them.
        if not reached or at - reached[-1][0] >= _APART:
            reached.append((at, step))
    paces = [
        (late - early).total_seconds() / (after - before)
        for (early, before), (late, after) in pairwise(reached)
        if after > before
    ]
    return median(paces) if paces else None


def attempts_spent_s(attempts: Iterable[Attempt], now: datetime) -> float:
    """Return how long workers have had a job: what it waited between its attempts is not in it."""
    return sum(((one.ended_at or now) - one.started_at).total_seconds() for one in attempts)


def attempts_left_s(job: Job, attempts: Iterable[Attempt], now: datetime) -> int | None:
    """Judge by its pace how long the running attempt still needs; None before its first step."""
    attempt = next((one for one in attempts if one.fence == job.fence), None)
    if attempt is None:
        return None
    done = job.step - (attempt.resumed_step or 0)
    if done <= 0 or not job.total_steps:
        return None
    spent_s = (now - attempt.started_at).total_seconds()
    return max(0, round(spent_s / done * (job.total_steps - job.step)))
