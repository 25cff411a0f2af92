"""A training worker dies at each named point: the job ends as if nobody had died."""

import random
import re
import time
from datetime import timedelta

import psutil
import pytest
from django.db import connection
from django.db.models.functions import Now
from modelmill.core.models import OutboxMessage
from modelmill.core.outbox import outbox_relay
from modelmill.training.models import Job
from modelmill.training.services import jobs_sweep

from tests.faults.conftest import FULL, SEEDS, Mill
from tests.faults.forked import KILLED, Forked
from tests.faults.holding import books_hold, jobs_hold, messages_hold, storage_holds

pytestmark = pytest.mark.fault

STEPS = 8
# A beat with nearly every message, and a checkpoint of every step: each point comes soon.
BUSY = {"HEARTBEAT_S": 0.05, "CHECKPOINT_EVERY_S": 0, "LEASE_S": 30}
# In the order in which an attempt comes to them; how often the first attempt does, at least.
POINTS = {
    "claim.swapped": 1,
    "claim.after_commit": 1,
    "attempt.before_spawn": 1,
    "heartbeat.before_commit": 2,
    "heartbeat.after_commit": 2,
    "attempt.after_spawn": 1,
    "blob.mid_write": 4,
    "train.stepped": 4,
    "checkpoint.before_store": 4,
    "blob.before_save": 4,
    "blob.after_save": 4,
    "checkpoint.stored": 4,
    "checkpoint.before_commit": 4,
    "checkpoint.after_commit": 4,
    "model.before_store": 1,
    "model.stored": 1,
    "finish.published": 1,
    "settle.before_journal": 1,
    "finish.before_commit": 1,
    "finish.after_commit": 1,
}


def _stories(seed: int) -> list[tuple[str, str]]:
    """Pair the points by chance: a worker dies at the earlier, its successor at the later one."""
    dice = random.Random(seed)
    order = list(POINTS)
    points = dice.sample(order, len(order))
    pairs = [sorted(pair, key=order.index) for pair in zip(points[::2], points[1::2], strict=True)]
    return [(f"{one}@{dice.randint(1, POINTS[one])}", f"{other}@1") for one, other in pairs]


def _told() -> list[tuple[str, str]]:
    """All stories, of every seed; in the plain suite each database tells one third of them."""
    stories = [story for seed in SEEDS for story in _stories(seed)]
    return stories if FULL else stories[connection.vendor == "postgresql" :: 3]


def time_passes(mill: Mill) -> None:
    """Let the lease of a dead worker run out, the sweep find it, and the wait be over."""
    with mill.place.scope():
        long_ago = Now() - timedelta(seconds=5)
        Job.objects.filter(state="running").update(lease_until=long_ago)
        jobs_sweep()
        Job.objects.filter(state="queued").update(next_run_at=long_ago)


def messages_go() -> None:
    """Let the outbox's relay find what a dead process has left."""
    OutboxMessage.objects.filter(sent_at=None).update(available_at=Now() - timedelta(seconds=1))
    outbox_relay()


def wait_over(mill: Mill, jobs: list[Job], worker: Forked) -> None:
    """Wait until all jobs are over, while the worker lives and one ends every two minutes."""
    left, deadline = jobs, time.monotonic() + 120
    while left:
        still = [job for job in left if not mill.job(job).is_over]
        if len(still) < len(left):
            left, deadline = still, time.monotonic() + 120
        assert time.monotonic() < deadline, worker.log()
        assert worker.status() is None, worker.log()
        time.sleep(0.05)


def nothing_is_left_of(worker: Forked) -> None:
    """No plugin's process goes on for a worker that is gone."""
    deadline = time.monotonic() + 10
    while [one for one in psutil.process_iter() if _is_host_of(worker, one)]:
        assert time.monotonic() < deadline, "a plugin goes on without its worker"
        time.sleep(0.05)


def _is_host_of(worker: Forked, process: psutil.Process) -> bool:
    try:
        # Of one that was forked, too: its command line is its parent's.
        return bool(re.search(rf'"parent_pid": {worker.pid}\b', " ".join(process.cmdline())))
    except psutil.Error:
        return False


@pytest.fixture(scope="session")
def weights() -> dict[str, bytes]:
    """What the undisturbed training has learnt, once it is known."""
    return {}


def test_an_undisturbed_job_shows_what_is_to_be_learnt(mill, forks, weights) -> None:
    job = mill.submit(steps=STEPS)
    wait_over(mill, [job], forks.worker(settings=BUSY))
    weights["undisturbed"] = mill.weights(job)


@pytest.mark.parametrize("story", _told(), ids="+".join)
def test_a_job_ends_as_if_nobody_had_died(mill, forks, held, weights, story) -> None:
    job = mill.submit(steps=STEPS)
    points = [plan.partition("@")[0] for plan in story]
    with held(points[0]), held(points[1]):
        for plan, point in zip(story, points, strict=True):
            worker = forks.worker(plan=plan, settings=BUSY)
            assert worker.wait() == KILLED, worker.log()
            assert f"killpoint {point}" in worker.log()
            nothing_is_left_of(worker)
            time_passes(mill)
        wait_over(mill, [job], forks.worker(settings=BUSY))
        forks.reap()
        messages_go()
        assert mill.weights(job) == weights["undisturbed"]
        jobs_hold(mill.place, [job], steps=STEPS)
        books_hold(mill.place)
        messages_hold()
        storage_holds()
