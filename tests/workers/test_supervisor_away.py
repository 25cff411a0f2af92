"""A database that is away for a moment, wherever an attempt meets it: it costs no attempt."""

import re
import time
from typing import Any

import pytest
from django.db import OperationalError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper
from modelmill.core.models import Blob
from modelmill.training.models import Attempt
from modelmill.training.selectors import job_messages
from modelmill.training.services import job_pause, job_resume
from modelmill.training.states import State

from tests.workers.learner import job_make, job_now, meanwhile, steps_billed, weights
from workers.supervisor import train_next

AWAY_S = 2.0
CLAIMED = 'INSERT INTO "training_attempt"'
VOICE = '"tenants_tenant"."language"'
RELEASE = 'FROM "training_job"'
FIRST_BEAT = 'UPDATE "training_job" SET "lease_until"'
DATA = 'FROM "datasets_'
CHECKPOINT = 'FROM "training_checkpoint"'
ENVIRONMENT = 'UPDATE "training_attempt" SET "environment"'
RESUMED = 'UPDATE "training_attempt" SET "resumed_step"'
STORED = 'INSERT INTO "core_blob"'
FINISHED = 'INSERT INTO "registry_modelversion"'
ENDED = 'UPDATE "training_attempt" SET "ended_at"'


class Away:
    """Django's way to the database, shut for a while once a claimed job asks for something."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, at: str) -> None:
        execute = CursorWrapper.execute
        self.is_claimed, self.until = False, 0.0

        def asked(cursor: Any, sql: str, params: Any = None) -> Any:
            if self.is_claimed and not self.until and re.search(at, sql):
                self.until = time.monotonic() + AWAY_S
            if time.monotonic() < self.until:
                raise OperationalError("the database is away")
            self.is_claimed |= CLAIMED in sql
            return execute(cursor, sql, params)

        monkeypatch.setattr(CursorWrapper, "execute", asked)


@pytest.mark.parametrize(
    "at",
    [VOICE, RELEASE, FIRST_BEAT, DATA, CHECKPOINT, ENVIRONMENT, STORED, FINISHED, ENDED],
)
def test_a_job_is_trained_at_the_first_attempt(mill, monkeypatch, at) -> None:
    job = job_make(mill, steps=20, step_ms=5)
    away = Away(monkeypatch, at)
    assert train_next()
    assert away.until
    job = job_now(mill, job)
    with mill.scope():
        attempt = Attempt.objects.get(job=job)
    assert (job.state, job.attempt) == (State.SUCCEEDED, 1), attempt.detail
    assert steps_billed(mill, job) == list(range(20))
    # What it computed with is written, later if not at once.
    assert attempt.environment["python"] and attempt.threads == 1


@pytest.mark.parametrize("at", [CHECKPOINT, RESUMED])
def test_a_job_goes_on_where_it_was(mill, monkeypatch, at) -> None:
    job = job_make(mill, steps=150, step_ms=20)
    thread = meanwhile(mill, job, lambda job: job_pause(job, caller=mill.caller))
    assert train_next()
    thread.join()
    with mill.scope():
        job_resume(job_now(mill, job), caller=mill.caller)
    away = Away(monkeypatch, at)
    assert train_next()
    assert away.until
    job = job_now(mill, job)
    assert (job.state, job.attempt) == (State.SUCCEEDED, 1)
    assert steps_billed(mill, job) == list(range(150))
    with mill.scope():
        resumed = list(Attempt.objects.order_by("fence").values_list("resumed_step", flat=True))
    assert resumed[0] is None and resumed[1] > 0


def test_a_job_is_paused_with_what_it_has_learnt(mill, monkeypatch) -> None:
    job = job_make(mill, steps=5_000, step_ms=20)
    away = Away(monkeypatch, ENDED)
    thread = meanwhile(mill, job, lambda job: job_pause(job, caller=mill.caller))
    assert train_next()
    thread.join()
    assert away.until
    job = job_now(mill, job)
    assert (job.state, job.attempt) == (State.PAUSED, 0)


def test_a_plugins_failure_is_told_with_every_line(mill, monkeypatch) -> None:
    job = job_make(mill, do="complain")
    away = Away(monkeypatch, ENDED)
    assert train_next()
    assert away.until
    job = job_now(mill, job)
    assert (job.state, job.error_code) == (State.FAILED, "dataset_invalid")
    with mill.scope():
        lines = [line.message for line in job_messages(job)]
    assert [sum(f"chaff in line {row}" in line for line in lines) for row in range(3)] == [1] * 3


def test_an_end_whose_answer_was_lost_is_the_end(mill, monkeypatch, tmp_path) -> None:
    job = job_make(mill, steps=20)
    execute, commit, lost = CursorWrapper.execute, BaseDatabaseWrapper.commit, []

    def asked(cursor: Any, sql: str, params: Any = None) -> Any:
        if FINISHED in sql:
            lost.append("to be lost")
        return execute(cursor, sql, params)

    def committed(database: Any) -> None:
        commit(database)
        if lost == ["to be lost"]:
            lost.append("lost")
            raise OperationalError("the connection was lost")

    monkeypatch.setattr(CursorWrapper, "execute", asked)
    monkeypatch.setattr(BaseDatabaseWrapper, "commit", committed)
    assert train_next()
    assert lost == ["to be lost", "lost"]
    job = job_now(mill, job)
    assert (job.state, job.attempt) == (State.SUCCEEDED, 1)
    # The model is there, and its bytes are nobody else's to give back.
    assert weights(mill, job, tmp_path)
    with mill.scope():
        assert all(blob.refs == 1 for blob in Blob.objects.all())
