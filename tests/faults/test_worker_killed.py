"""kill -9 of a training worker: the job goes on with another one, and each step is billed once."""

import os
import signal
import sqlite3
import time
from contextlib import closing
from datetime import datetime, timedelta

import pytest
from django.db import OperationalError, connection, transaction
from modelmill.core.doorbell import ring
from modelmill.metering.models import UsageEvent
from modelmill.training.models import Attempt, Checkpoint, Job
from modelmill.training.services import jobs_sweep
from modelmill.training.states import State

from tests.faults.conftest import FULL, QUICK, Mill, suite_on
from tests.faults.holding import jobs_hold
from tests.processes import Worker, worker_running, worker_start

pytestmark = pytest.mark.fault

STEPS = 120
RING = "workers.tasks.training.ring"


def _until(mill: Mill, job: Job, worker: Worker, *, is_true, sweep=jobs_sweep) -> Job:
    """Wait, sweeping as the beat would, until something is true of the job."""
    deadline = time.monotonic() + 120
    while not is_true(now := mill.job(job)):
        assert time.monotonic() < deadline, f"{now.state} at {now.step}\n{worker.log()}"
        sweep()
        time.sleep(0.2)
    return now


def _nobody_sweeps() -> None:
    """Leave it to the workers."""


def _has_ended(job: Job) -> bool:
    return job.is_over


def _checkpointed(mill: Mill, *, step: int = 1) -> bool:
    with mill.place.scope():
        return Checkpoint.objects.filter(step__gte=step).exists()


def test_a_job_survives_the_death_of_its_worker(mill) -> None:
    undisturbed = mill.submit(steps=STEPS)
    job = mill.submit(steps=STEPS, step_ms=60)
    first = worker_start("train", redis_url=mill.redis_url, **QUICK)
    try:
        # In the middle: behind a checkpoint, and a little further than it.
        at_kill = _until(
            mill,
            job,
            first,
            is_true=lambda now: _checkpointed(mill) and now.billed_through_step > STEPS // 4,
        )
    finally:
        first.kill()
    assert at_kill.state == State.RUNNING and at_kill.step < STEPS
    with worker_running("train", redis_url=mill.redis_url, **QUICK) as second:
        done = _until(mill, job, second, is_true=_has_ended)
    assert (done.state, done.step) == (State.SUCCEEDED, STEPS), second.log()
    with mill.place.scope():
        attempts = list(Attempt.objects.filter(job=job).order_by("fence"))
    assert [attempt.outcome for attempt in attempts] == ["worker_lost", "succeeded"]
    assert attempts[1].resumed_step > 0
    assert attempts[0].worker != attempts[1].worker
    steps, billed_ms = mill.billed(job)
    assert steps == list(range(STEPS))
    assert billed_ms == done.billed_ms
    assert mill.weights(job) == mill.weights(undisturbed)


@suite_on("sqlite")
def test_workers_that_wait_sweep_where_the_beat_is_away(mill) -> None:
    with (
        worker_running("train", redis_url=mill.redis_url, **QUICK) as one,
        worker_running("train", redis_url=mill.redis_url, **QUICK) as other,
    ):
        # Nobody sends a ring, or sweeps, but the workers themselves.
        job = mill.submit(steps=STEPS, step_ms=60)
        begun = _until(mill, job, one, is_true=lambda now: now.step > 3, sweep=_nobody_sweeps)
        is_first = begun.lease_owner.endswith(f":{one.pid}")
        at_work, waiting = (one, other) if is_first else (other, one)
        at_work.kill()
        done = _until(mill, job, waiting, is_true=_has_ended, sweep=_nobody_sweeps)
    assert (done.state, done.attempt) == (State.SUCCEEDED, 2)


def test_nothing_of_the_plugin_outlives_its_worker(mill) -> None:
    job = mill.submit(steps=100_000, step_ms=20)
    worker = worker_start("train", redis_url=mill.redis_url, **QUICK)
    try:
        _until(mill, job, worker, is_true=lambda now: now.step > 3)
        children = _children(worker.pid)
        assert children
        os.kill(worker.pid, 9)
        deadline = time.monotonic() + 10
        while any(_is_alive(pid) for pid in children):
            assert time.monotonic() < deadline, "the plugin goes on without a lease"
            time.sleep(0.05)
    finally:
        worker.kill()


def test_a_doorbell_rung_twice_trains_once(mill) -> None:
    with worker_running("train", redis_url=mill.redis_url, **QUICK) as worker:
        job = mill.submit(steps=20, step_ms=20)
        for _ in range(5):
            assert ring(RING, {"job_id": job.id})
        done = _until(mill, job, worker, is_true=_has_ended)
        assert done.state == State.SUCCEEDED
    with mill.place.scope():
        assert Attempt.objects.filter(job=job).count() == 1
    assert mill.billed(job)[0] == list(range(20))


def test_a_worker_told_to_end_checkpoints_and_gives_its_job_back(mill) -> None:
    job = mill.submit(steps=100_000, step_ms=20)
    worker = worker_start("train", redis_url=mill.redis_url, **QUICK)
    _until(mill, job, worker, is_true=lambda now: now.step > 3)
    worker.stop()
    now = mill.job(job)
    assert (now.state, now.attempt) == (State.QUEUED, 0), worker.log()
    assert _checkpointed(mill)
    steps, _ms = mill.billed(job)
    assert steps == list(range(now.step))


@pytest.mark.parametrize("seed", range(3 if FULL else 1))
def test_a_worker_that_slept_through_its_lease_writes_nothing(mill, held, seed) -> None:
    with held("a worker stopped past its lease"):
        _sleep_through(mill, longer_s=seed)


def _sleep_through(mill: Mill, *, longer_s: int) -> None:
    job = mill.submit(steps=STEPS, step_ms=60)
    sleeper = worker_start("train", redis_url=mill.redis_url, **QUICK)
    try:
        _until(mill, job, sleeper, is_true=lambda now: now.billed_through_step > STEPS // 4)
        _put_to_sleep(mill, sleeper, job)
        with worker_running("train", redis_url=mill.redis_url, **QUICK) as second:
            _until(mill, job, second, is_true=lambda now: now.fence > 1 and _is_held(now))
            time.sleep(longer_s)
            os.kill(sleeper.pid, signal.SIGCONT)
            done = _until(mill, job, second, is_true=_has_ended)
        sleeper.wait_for("lease_lost")
    finally:
        sleeper.kill()
    assert done.state == State.SUCCEEDED
    jobs_hold(mill.place, [job], steps=STEPS)
    with mill.place.scope():
        _no_second_is_billed_twice(job)


def _no_second_is_billed_twice(job: Job) -> None:
    """Each attempt's billed time ends before that of the next begins."""
    spans: dict[int, list[datetime]] = {}
    for event in UsageEvent.objects.filter(subject=job.id, billable=True):
        began_at = event.occurred_at - timedelta(milliseconds=event.qty)
        spans.setdefault(event.dims["attempt"], []).extend([began_at, event.occurred_at])
    first, second = (spans[number] for number in sorted(spans))
    assert max(first) < min(second)


def _put_to_sleep(mill: Mill, worker: Worker, job: Job) -> None:
    """Stop a worker between two transactions: within one, its locks would hold up the others."""
    deadline = time.monotonic() + 30
    while True:
        os.kill(worker.pid, signal.SIGSTOP)
        if _is_unlocked(mill, job):
            return
        os.kill(worker.pid, signal.SIGCONT)
        assert time.monotonic() < deadline, worker.log()
        time.sleep(0.05)


def _is_unlocked(mill: Mill, job: Job) -> bool:
    try:
        if connection.vendor == "sqlite":
            with closing(sqlite3.connect(connection.settings_dict["NAME"], timeout=0.2)) as other:
                other.execute("BEGIN IMMEDIATE")
        else:
            with transaction.atomic(), mill.place.scope():
                Job.objects.select_for_update(nowait=True).get(id=job.id)
    except (sqlite3.OperationalError, OperationalError):
        return False
    return True


def _is_held(job: Job) -> bool:
    return job.state == State.RUNNING


def _children(pid: int) -> list[int]:
    import psutil

    return [child.pid for child in psutil.Process(pid).children(recursive=True)]


def _is_alive(pid: int) -> bool:
    import psutil

    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
