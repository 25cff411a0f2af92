"""A training whose balance is used up: it pauses with what it has learnt, and costs no more."""

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.db.models.functions import Now
from modelmill.api.fine_tuning_shapes import job_shape
from modelmill.billing.models import Reservation
from modelmill.billing.selectors import wallet_balance
from modelmill.billing.services import reservation_open, wallet_top_up
from modelmill.core.errors import QuotaExceeded
from modelmill.core.models import OutboxMessage
from modelmill.metering.models import UsageEvent
from modelmill.tenants.models import Member
from modelmill.training.failures import Failure
from modelmill.training.models import Job, JobEvent
from modelmill.training.selectors import access_job
from modelmill.training.services import (
    Lease,
    News,
    checkpoint_promote,
    job_cancel,
    job_claim,
    job_fail,
    job_finish,
    job_finish_early,
    job_heartbeat,
    job_pause,
    job_resume,
    job_yield,
    jobs_sweep,
)
from modelmill.training.services.money import job_cost_micro
from modelmill.training.slices import Slice
from modelmill.training.states import Desired, EarlyEnd, State
from modelmill.training.waiting import job_waiting_reason

from tests.conftest import Place
from tests.making import checkpoint_make, job_claimed, job_make
from workers.tasks.notices import job_ended


@pytest.fixture(autouse=True)
def _media(settings: Any, tmp_path: Any) -> None:
    settings.MEDIA_ROOT = tmp_path / "storage"


def _beat(lease: Lease, number: int, *, ms: int = 15_000) -> Desired:
    piece = Slice(number=number, step_from=number - 1, step_to=number, elapsed_ms=ms)
    return job_heartbeat(lease, News(step=number, total_steps=100), piece=piece)


def _spend_all(place: Place, *, key: str = "all") -> None:
    wallet_micro = wallet_balance(place.tenant.id)
    reservation_open(tenant_id=place.tenant.id, key=key, amount_micro=wallet_micro)


def _top_up(place: Place) -> None:
    wallet_top_up(tenant_id=place.tenant.id, key="more", amount_micro=10_000_000)


def _running_out(place: Place) -> tuple[Job, Lease]:
    """A job that has used most of what was set aside for it, of an empty wallet, and its worker."""
    job = job_make(place)
    with place.scope():
        lease = job_claimed()
        _spend_all(place)
        assert _beat(lease, 1, ms=80_000) == Desired.RUN
    return job, lease


def _paused(place: Place) -> Job:
    job, lease = _running_out(place)
    with place.scope():
        assert _beat(lease, 2) == Desired.PAUSE
        job_yield(lease, state=State.PAUSED, news=News(step=2, total_steps=100))
        return access_job(job.id)


def _reserved_micro(job: Job) -> int:
    return Reservation.objects.get(pk=job.reservation_id).amount_micro


def test_a_job_whose_money_is_out_pauses_and_says_why(acme: Place) -> None:
    job = _paused(acme)
    with acme.scope():
        assert (job.state, job.attempt, job.step, job.finished_at) == (State.PAUSED, 0, 2, None)
        told = JobEvent.objects.filter(job=job, level="warn").order_by("seq")
        assert list(told.values_list("code", flat=True)) == ["pausing_unpaid", "paused_unpaid"]
        assert "balance is used up" in job_waiting_reason(job)
        shape = job_shape(job)
        assert (shape["status"], shape["x_paused_for"]) == ("paused", "quota_exceeded")
        assert "Top it up" in shape["x_waiting_reason"] and shape["error"] is None
        # It is not over: what it has is set aside still, and it has cost no more than that.
        assert job_cost_micro(job) <= _reserved_micro(job)
    assert job_claim("w2", meter="gpu_ms") is None


def test_it_goes_on_only_once_there_is_money_for_what_it_cost_and_its_first_minutes(
    acme: Place,
) -> None:
    job = _paused(acme)
    with acme.scope():
        for act in (job_resume, job_finish_early):
            with pytest.raises(QuotaExceeded):
                act(job, caller=acme.caller)
            found = access_job(job.id)
            assert (found.state, found.desired_state) == (State.PAUSED, Desired.RUN)
            assert found.lacks_money and not found.early_end
        _top_up(acme)
        found = job_resume(job, caller=acme.caller)
        assert (found.state, found.lacks_money) == (State.QUEUED, False)
        assert job_shape(found)["x_paused_for"] is None
        # Two minutes of the dearer device, beside what it has cost.
        assert _reserved_micro(found) == job_cost_micro(found) + 80_000
        assert _beat(job_claimed(), 1, ms=0) == Desired.RUN


def test_a_pause_of_ones_own_is_gone_on_with_only_with_money(acme: Place) -> None:
    job, lease = _running_out(acme)
    with acme.scope():
        job_pause(job, caller=acme.caller)
        job_yield(lease, state=State.PAUSED, news=News(step=1, total_steps=100))
        with pytest.raises(QuotaExceeded):
            job_resume(job, caller=acme.caller)
        found = access_job(job.id)
        assert (found.state, found.lacks_money) == (State.PAUSED, False)


def test_its_limit_bounds_what_is_set_aside_to_go_on(acme: Place) -> None:
    job = job_make(acme, max_cost_micro=90_000)
    with acme.scope():
        lease = job_claimed()
        _beat(lease, 1, ms=60_000)
        job_pause(job, caller=acme.caller)
        job_yield(lease, state=State.PAUSED)
        assert _reserved_micro(job_resume(job, caller=acme.caller)) == 90_000


def test_what_a_pause_takes_beyond_the_money_is_ours(acme: Place) -> None:
    job, lease = _running_out(acme)
    with acme.scope():
        _beat(lease, 2)
        _beat(lease, 3, ms=60_000)
        assert job_cost_micro(access_job(job.id)) <= _reserved_micro(job)
        beyond = UsageEvent.objects.get(subject=job.id, billable=False)
        assert beyond.reason == "no_money" and 30_000 < beyond.qty < 60_000


@pytest.mark.parametrize("is_lost", [True, False])
def test_a_worker_that_dies_over_that_pause_leaves_it_paused(acme: Place, is_lost: bool) -> None:
    job, lease = _running_out(acme)
    with acme.scope():
        _beat(lease, 2)
        if is_lost:
            Job.objects.filter(pk=job.pk).update(lease_until=Now() - timedelta(seconds=1))
            jobs_sweep()
        else:
            job_yield(lease, state=State.QUEUED)
        found = access_job(job.id)
        assert (found.state, found.attempt, found.lacks_money) == (State.PAUSED, 0, True)


def test_who_cancels_meanwhile_has_cancelled_it(acme: Place) -> None:
    job, lease = _running_out(acme)
    with acme.scope():
        _beat(lease, 2)
        job_cancel(job, caller=acme.caller)
        job_yield(lease, state=State.CANCELLED)
        found = access_job(job.id)
        assert (found.state, found.error_code) == (State.CANCELLED, "cancelled")


def test_one_that_is_done_before_it_paused_is_done(acme: Place) -> None:
    job, lease = _running_out(acme)
    with acme.scope():
        _beat(lease, 2)
        job_finish(lease, News(step=3, total_steps=3), piece=None, files={}, metrics={})
        found = access_job(job.id)
        assert (found.state, found.error_code) == (State.SUCCEEDED, "")


def test_one_that_is_finishing_is_let_finish_at_our_cost(acme: Place) -> None:
    job, lease = _running_out(acme)
    with acme.scope():
        job_finish_early(job, caller=acme.caller)
        Job.objects.update(finish_asked_at=Now() - timedelta(hours=1))
        for number in range(2, 6):
            assert _beat(lease, number) == Desired.FINISH
        # Once told, whatever comes after.
        assert JobEvent.objects.filter(job=job, code="finishes_unpaid").count() == 1
        job_finish(lease, News(step=5, total_steps=100), piece=None, files={}, metrics={})
        found = access_job(job.id)
        assert (found.state, found.early_end, found.error_code) == ("succeeded", "asked", "")
        held = Reservation.objects.get(pk=job.reservation_id)
        assert 0 < held.spent_micro <= held.amount_micro


def test_one_that_does_not_finish_in_time_is_paused_too(acme: Place) -> None:
    job, lease = _running_out(acme)
    with acme.scope():
        job_finish_early(job, caller=acme.caller)
        _beat(lease, 2)
        Job.objects.update(finish_asked_at=Now() - timedelta(hours=1))
        assert _beat(lease, 3) == Desired.PAUSE
        job_yield(lease, state=State.PAUSED)
        found = access_job(job.id)
        assert (found.state, found.early_end, found.lacks_money) == (State.PAUSED, "", True)


def test_each_worker_has_the_whole_time_to_finish_at_our_cost(acme: Place) -> None:
    job, lease = _running_out(acme)
    with acme.scope():
        job_finish_early(job, caller=acme.caller)
        _beat(lease, 2)
        Job.objects.update(finish_asked_at=Now() - timedelta(hours=1))
        job_yield(lease, state=State.QUEUED)
        assert _beat(job_claimed(), 3) == Desired.FINISH
        _top_up(acme)
        assert access_job(job.id).lacks_money


def test_money_that_comes_while_it_finishes_pays_for_the_rest(acme: Place) -> None:
    job, lease = _running_out(acme)
    with acme.scope():
        job_finish_early(job, caller=acme.caller)
        _beat(lease, 2)
        _top_up(acme)
        _beat(lease, 3)
        assert not access_job(job.id).lacks_money
        before_ms = access_job(job.id).billed_ms
        _beat(lease, 4)
        assert access_job(job.id).billed_ms == before_ms + 15_000


def test_at_its_limit_it_finishes_though_the_money_is_out(acme: Place) -> None:
    job = job_make(acme, max_cost_micro=100_000)
    with acme.scope():
        lease = job_claimed()
        _spend_all(acme)
        _beat(lease, 1, ms=80_000)
        at_limit = {"early_end": EarlyEnd.COST_CAP, "finish_asked_at": Now()}
        Job.objects.update(desired_state=Desired.FINISH, **at_limit)
        assert _beat(lease, 2) == Desired.FINISH
        Job.objects.update(finish_asked_at=Now() - timedelta(hours=1))
        assert _beat(lease, 3) == Desired.CANCEL
        job_yield(lease, state=State.CANCELLED)
        found = access_job(job.id)
        assert (found.state, found.error_code) == (State.FAILED, "cost_cap")


def test_a_failure_of_its_own_is_told_and_not_the_money(acme: Place) -> None:
    job, lease = _running_out(acme)
    with acme.scope():
        _beat(lease, 2)
        job_fail(lease, code=Failure.NAN_LOSS)
        found = access_job(job.id)
        assert (found.state, found.error_code) == (State.FAILED, "nan_loss")


def test_a_model_of_a_checkpoint_needs_no_money(acme: Place) -> None:
    origin = job_make(acme)
    with acme.scope():
        job_cancel(origin, caller=acme.caller)
        checkpoint = checkpoint_make(origin, step=4)
        _spend_all(acme)
        made = checkpoint_promote(checkpoint, caller=acme.caller)
        assert _reserved_micro(made) == 0
        lease = job_claimed()
        for number in range(1, 4):
            piece = Slice(number=number, step_from=4, step_to=4, elapsed_ms=300_000)
            news = News(step=4, total_steps=100)
            assert job_heartbeat(lease, news, piece=piece) == Desired.FINISH
        job_finish(lease, news, piece=None, files={}, metrics={})
        assert access_job(made.id).state == State.SUCCEEDED
        assert wallet_balance(acme.tenant.id) == 0


def test_who_hears_of_failures_hears_of_each_such_pause(acme: Place) -> None:
    with acme.scope():
        Member.objects.filter(user=acme.owner).update(job_mail="failed")
    job = _paused(acme)
    first = OutboxMessage.objects.get(topic=job_ended.name)
    assert job_ended(**first.payload) == 1
    message = mail.outbox[0]
    assert "is paused" in message.subject and "balance is used up" in message.body
    with acme.scope():
        _top_up(acme)
        job_resume(job, caller=acme.caller)
    # What was true when it was asked for, and is not any more.
    assert job_ended(**first.payload) == 0
    with acme.scope():
        lease = job_claimed()
        _spend_all(acme, key="again")
        _beat(lease, 3, ms=200_000)
        job_yield(lease, state=State.PAUSED)
    second = OutboxMessage.objects.filter(topic=job_ended.name).exclude(pk=first.pk).get()
    assert job_ended(**second.payload) == 1
    told = {one.extra_headers["Message-ID"] for one in mail.outbox}
    assert len(told) == 2
