"""What a customer asked for while the worker was already stopping for another reason."""

from datetime import UTC, datetime

import pytest
from django.db.models.functions import Now
from modelmill.billing.selectors import wallet_balance
from modelmill.billing.services import reservation_open
from modelmill.core.errors import Conflict, QuotaExceeded
from modelmill.training.failures import Failure
from modelmill.training.models import Job
from modelmill.training.selectors import access_job
from modelmill.training.services import (
    JobCancelled,
    Lease,
    News,
    job_cancel,
    job_claim,
    job_fail,
    job_finish,
    job_finish_early,
    job_heartbeat,
    job_is_cancelled,
    job_pause,
    job_report,
    job_yield,
)
from modelmill.training.slices import Slice
from modelmill.training.states import Desired, EarlyEnd, State

from tests.conftest import Place
from tests.making import job_make


@pytest.mark.parametrize("state", [State.QUEUED, State.PAUSED])
def test_a_cancel_is_not_forgotten_when_the_worker_gives_the_job_back(acme, state) -> None:
    job = job_make(acme)
    lease = job_claim("w1")
    with acme.scope():
        job_cancel(job, caller=acme.caller)
        job_yield(lease, state=state, news=News())
        assert access_job(job.id).state == State.CANCELLED
    assert job_claim("w2") is None


def test_a_pause_is_not_forgotten_when_the_worker_gives_the_job_back(acme) -> None:
    job = job_make(acme)
    lease = job_claim("w1")
    with acme.scope():
        job_pause(job, caller=acme.caller)
        job_yield(lease, state=State.QUEUED)
        assert access_job(job.id).state == State.PAUSED
    assert job_claim("w2") is None


def test_a_job_that_is_being_cancelled_cannot_be_paused(acme) -> None:
    job = job_make(acme)
    job_claim("w1")
    with acme.scope():
        job_cancel(job, caller=acme.caller)
        with pytest.raises(Conflict):
            job_pause(job, caller=acme.caller)
        assert access_job(job.id).desired_state == Desired.CANCEL


def test_a_job_that_has_learnt_nothing_cannot_be_finished(acme) -> None:
    job = job_make(acme)
    with acme.scope():
        for _ in range(2):
            with pytest.raises(Conflict, match="learnt nothing"):
                job_finish_early(job, caller=acme.caller)
            job_claim("w1")
        assert access_job(job.id).desired_state == Desired.RUN


def _being_finished(place: Place) -> tuple[Job, Lease]:
    """A job at its third step that was asked to finish, and who trains it."""
    job = job_make(place)
    lease = job_claim("w1")
    assert lease is not None
    with place.scope():
        job_report(lease, News(step=3, total_steps=10))
        job_finish_early(job, caller=place.caller)
    return job, lease


def test_finishing_in_the_free_steps_is_free_up_to_the_next_beat(acme) -> None:
    job = job_make(acme, quote_first=True)
    lease = job_claim("w1")
    first, second = (
        Slice(number=n, step_from=3 * n - 3, step_to=3 * n, elapsed_ms=9_000) for n in (1, 2)
    )
    with acme.scope():
        job_report(lease, News(step=1, total_steps=10))
        job_finish_early(job, caller=acme.caller)
        job_heartbeat(lease, News(step=3, total_steps=10), piece=first)
        found = access_job(job.id)
        assert (found.billed_ms, found.free_ms, found.quote_first) == (0, 9_000, False)
        job_heartbeat(lease, News(step=6, total_steps=10), piece=second)
        found = access_job(job.id)
        assert (found.billed_ms, found.free_ms) == (9_000, 9_000)


def test_finishing_what_was_free_needs_money_for_what_is_left(acme) -> None:
    job = job_make(acme, quote_first=True)
    lease = job_claim("w1")
    with acme.scope():
        job_report(lease, News(step=3, total_steps=10))
        job_yield(lease, state=State.PAUSED)
        wallet_micro = wallet_balance(acme.tenant.id)
        reservation_open(tenant_id=acme.tenant.id, key="all", amount_micro=wallet_micro)
        with pytest.raises(QuotaExceeded):
            job_finish_early(job, caller=acme.caller)
        found = access_job(job.id)
        assert (found.state, found.quote_first, found.early_end) == ("paused", True, "")


def test_a_pause_takes_back_the_wish_to_finish(acme) -> None:
    job, lease = _being_finished(acme)
    with acme.scope():
        assert job_report(lease, News(step=3, total_steps=10)) == Desired.FINISH
        job_pause(job, caller=acme.caller)
        job_yield(lease, state=State.PAUSED)
        found = access_job(job.id)
        assert (found.state, found.desired_state, found.early_end) == ("paused", "run", "")


def test_a_wish_to_finish_is_not_lost_in_a_pause_under_way(acme) -> None:
    job = job_make(acme)
    lease = job_claim("w1")
    with acme.scope():
        job_report(lease, News(step=3, total_steps=10))
        job_pause(job, caller=acme.caller)
        job_finish_early(job, caller=acme.caller)
        job_yield(lease, state=State.PAUSED)
        found = access_job(job.id)
        assert (found.state, found.desired_state, found.early_end) == ("queued", "finish", "asked")
    again = job_claim("w2")
    with acme.scope():
        assert job_report(again, News(step=3, total_steps=10)) == Desired.FINISH


@pytest.mark.parametrize(
    ("early_end", "why"), [(EarlyEnd.COST_CAP, "cost limit"), (EarlyEnd.TIME_CAP, "as long as")]
)
def test_a_job_at_a_limit_cannot_be_paused(acme, early_end, why) -> None:
    job, lease = _being_finished(acme)
    with acme.scope():
        long_ago = datetime(2026, 1, 1, tzinfo=UTC)
        Job.objects.update(early_end=early_end, finish_asked_at=long_ago)
        with pytest.raises(Conflict, match=why):
            job_pause(job, caller=acme.caller)
        job_fail(lease, code=Failure.WORKER_LOST)
        Job.objects.update(next_run_at=Now())
        job_claim("w2")
        # Whoever takes it next has the whole time to finish in.
        assert access_job(job.id).finish_asked_at > long_ago


@pytest.mark.parametrize("lacked", ["", Failure.QUOTA_EXCEEDED])
def test_a_job_that_was_cancelled_does_not_succeed_any_more(acme, lacked) -> None:
    job = job_make(acme)
    lease = job_claim("w1")
    with acme.scope():
        Job.objects.update(error_code=lacked)
        job_cancel(job, caller=acme.caller)
        assert job_is_cancelled(lease)
        with pytest.raises(JobCancelled):
            job_finish(lease, News(step=3), piece=None, files={}, metrics={})
        found = access_job(job.id)
        assert (found.state, found.step, found.model_version) == ("running", 0, None)
        job_yield(lease, state=State.CANCELLED, news=News(step=3))
        assert access_job(job.id).state == State.CANCELLED


def test_a_limit_that_is_reached_at_the_very_end_takes_the_model_from_nobody(acme) -> None:
    job = job_make(acme)
    lease = job_claim("w1")
    with acme.scope():
        Job.objects.update(desired_state=Desired.CANCEL, error_code=Failure.COST_CAP)
        assert not job_is_cancelled(lease)
        job_finish(lease, News(step=3), piece=None, files={}, metrics={})
        found = access_job(job.id)
        assert (found.state, found.error_code) == ("succeeded", "")


@pytest.mark.parametrize("state", [State.FAILED, State.CANCELLED])
def test_a_job_that_is_over_cannot_be_finished(acme, state) -> None:
    job, _lease = _being_finished(acme)
    with acme.scope():
        Job.objects.update(state=state, lease_until=None)
        with pytest.raises(Conflict):
            job_finish_early(job, caller=acme.caller)


def test_who_takes_a_job_that_is_to_finish_hears_of_it(acme) -> None:
    job, lease = _being_finished(acme)
    with acme.scope():
        job_fail(lease, code=Failure.WORKER_LOST)
        assert access_job(job.id).state == State.QUEUED
        Job.objects.update(next_run_at=Now())
        again = job_claim("w2")
        assert job_report(again, News(step=3, total_steps=10)) == Desired.FINISH
        job_cancel(job, caller=acme.caller)
        with pytest.raises(Conflict):
            job_finish_early(job, caller=acme.caller)
