"""The database is locked, gone, or does not answer, while a job is trained."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from django.db import connection
from modelmill.training.models import Attempt, Job, WorkerSeen
from modelmill.training.services import jobs_sweep
from modelmill.training.services.presence import TRAIN_QUEUE, workers_live

from tests.faults.conftest import FULL, Mill
from tests.faults.forked import Forked
from tests.faults.holding import books_hold, jobs_hold, storage_holds
from tests.faults.proxy import Proxy
from tests.faults.test_killed_in_training import messages_go, nothing_is_left_of

pytestmark = pytest.mark.fault

STEPS = 60
SHORT = {"LEASE_S": 3, "HEARTBEAT_S": 0.3}
AWAY_S = (1, 2, 6, 20) if FULL else (3,)
only_sqlite = pytest.mark.skipif(
    connection.vendor != "sqlite", reason="locks SQLite's file; PostgreSQL is taken away instead"
)
only_postgresql = pytest.mark.skipif(
    connection.vendor != "postgresql", reason="breaks connections; SQLite is locked instead"
)


def _until(mill: Mill, job: Job, worker: Forked, is_true: Any) -> Job:
    deadline = time.monotonic() + 90
    while not is_true(now := mill.job(job)):
        assert time.monotonic() < deadline, f"{now.state} {now.step}\n{worker.log()}"
        jobs_sweep()
        time.sleep(0.1)
    return now


def _until_true(is_true: Any, worker: Forked) -> None:
    deadline = time.monotonic() + 30
    while not is_true():
        assert time.monotonic() < deadline, worker.log()
        time.sleep(0.05)


def _holds(mill: Mill, job: Job) -> None:
    messages_go()
    jobs_hold(mill.place, [job], steps=STEPS)
    books_hold(mill.place)
    storage_holds()


@only_sqlite
@pytest.mark.parametrize("away_s", AWAY_S)
def test_a_database_that_was_locked_for_a_while_costs_no_step(mill, forks, held, away_s) -> None:
    with held(f"SQLite locked for {away_s} s"):
        job = mill.submit(steps=STEPS, step_ms=50)
        worker = forks.worker(settings=SHORT)
        _until(mill, job, worker, lambda now: now.step > 3)
        with closing(sqlite3.connect(connection.settings_dict["NAME"], timeout=10)) as other:
            other.execute("BEGIN IMMEDIATE")
            time.sleep(away_s)
            other.rollback()
        _until(mill, job, worker, lambda now: now.is_over)
        _holds(mill, job)


@pytest.fixture
def door() -> Iterator[Proxy]:
    """The only way of a worker to PostgreSQL."""
    door = Proxy(int(connection.settings_dict["PORT"]))
    yield door
    door.close()


@only_postgresql
@pytest.mark.parametrize("away_s", AWAY_S)
def test_a_database_that_was_gone_for_a_while_costs_no_step(
    mill, forks, held, door, away_s
) -> None:
    with held(f"PostgreSQL gone for {away_s} s"):
        job = mill.submit(steps=STEPS, step_ms=50)
        through = [("tests.faults.acts:database_at", {"port": door.port})]
        worker = forks.worker(before=through, settings=SHORT)
        _until(mill, job, worker, lambda now: now.step > 3)
        door.shut()
        time.sleep(away_s)
        door.reopen()
        # Its idle worker, too, is heard of again, or nobody would ring for it.
        _until(mill, job, worker, lambda now: now.is_over)
        assert worker.status() is None, worker.log()
        _holds(mill, job)


@only_postgresql
def test_an_idle_worker_is_heard_of_again(mill, forks, held, door) -> None:
    with held("PostgreSQL gone while a worker waits"):
        through = [("tests.faults.acts:database_at", {"port": door.port})]
        worker = forks.worker(before=through, settings=SHORT)
        _until_true(lambda: workers_live(TRAIN_QUEUE).exists(), worker)
        door.shut()
        WorkerSeen.objects.all().delete()
        time.sleep(1)
        assert not workers_live(TRAIN_QUEUE).exists()
        door.reopen()
        _until_true(lambda: workers_live(TRAIN_QUEUE).exists(), worker)


@only_postgresql
def test_a_plugin_ends_before_another_may_begin_though_the_database_does_not_answer(
    mill, forks, held, door
) -> None:
    with held("PostgreSQL does not answer, past the lease"):
        job = mill.submit(steps=STEPS, step_ms=50)
        through = [("tests.faults.acts:database_at", {"port": door.port})]
        cut_off = forks.worker(before=through, settings=SHORT)
        _until(mill, job, cut_off, lambda now: now.step > 3)
        door.wall_up()
        _until(mill, job, cut_off, lambda now: now.state == "queued")
        # It still waits for an answer; its plugin does not.
        nothing_is_left_of(cut_off)
        second = forks.worker(settings=SHORT)
        _until(mill, job, second, lambda now: now.is_over)
        door.reopen()
        cut_off.wait_for("lease_lost")
        with mill.place.scope():
            assert Attempt.objects.filter(job=job, outcome="succeeded").count() == 1
        forks.reap()
        _holds(mill, job)
