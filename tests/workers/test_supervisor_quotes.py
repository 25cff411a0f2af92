"""A job that tells its cost first: its first steps are free, and it waits for a word."""

from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now
from django.utils import timezone
from modelmill.billing.models import Balance, Reservation
from modelmill.billing.services import reservation_open
from modelmill.core.errors import QuotaExceeded
from modelmill.core.money import amount_text
from modelmill.metering.models import UsageEvent
from modelmill.metering.services import usage_record
from modelmill.training.lanes import Lane
from modelmill.training.models import Attempt, Job, JobEvent
from modelmill.training.services import job_cancel, job_finish_early, job_resume
from modelmill.training.services.money import job_cost_micro
from modelmill.training.states import State

from tests.conftest import Place
from tests.workers.learner import job_make, job_now
from workers.supervisor import train_next


def _reservation(place: Place, job: Job) -> Reservation:
    with place.scope():
        return Reservation.objects.get(pk=job.reservation_id)


def test_it_stops_unbilled_with_a_quote_and_goes_on_from_there_when_resumed(mill: Place) -> None:
    job = job_make(mill, quote_first=True, steps=400, step_ms=15)
    assert _reservation(mill, job).amount_micro == 0
    assert train_next()
    waits = job_now(mill, job)
    assert waits.state == State.PAUSED and waits.awaits_word and waits.attempt == 0
    # Twenty steps were asked for; the plugin hears of it within a few more.
    assert 20 <= waits.step < 390
    assert 0.5 * 6_000 < waits.quote_ms < 20 * 6_000
    shape = mill.api.get(f"/v1/fine_tuning/jobs/{job.id}").json()
    assert shape["status"] == "paused" and shape["x_quote"]["awaits_word"]
    assert shape["x_quote"]["amount_micro"] == waits.quote_micro > 0
    assert "waits for your word" in shape["x_waiting_reason"]
    with mill.scope():
        assert job_cost_micro(waits) == 0
        free = UsageEvent.objects.filter(subject=job.id)
        assert {(one.billable, one.reason) for one in free} == {(False, "quote")}
        assert waits.free_ms == sum(one.qty for one in free)
        job_resume(waits, caller=mill.caller)
    assert _reservation(mill, job).amount_micro > 0
    assert train_next()
    done = job_now(mill, job)
    assert done.state == State.SUCCEEDED and not done.quote_first
    assert done.quote_micro == waits.quote_micro
    with mill.scope():
        assert Attempt.objects.filter(job=job).order_by("fence").last().resumed_step >= 20
        assert 0.05 * done.quote_micro < job_cost_micro(done) < 10 * done.quote_micro
        told = JobEvent.objects.filter(message__contains="expected to cost about")
        assert amount_text(waits.quote_micro) in told.get().message
        billed = UsageEvent.objects.filter(subject=job.id, billable=True)
        steps = sum(one.dims["step_to"] - one.dims["step_from"] for one in billed)
        assert steps == 400 - waits.step


def test_what_died_with_its_quote_told_makes_no_more_free_steps(mill: Place) -> None:
    job = job_make(mill, quote_first=True, steps=400, step_ms=15)
    train_next()
    told = job_now(mill, job)
    # As where the worker dies between the proof of the last free step and the pause.
    with mill.scope():
        Job.objects.filter(pk=job.pk).update(state=State.QUEUED, next_run_at=Now())
        Lane.objects.update(waits=True)
    assert train_next()
    waits = job_now(mill, job)
    assert waits.awaits_word and waits.attempt == 0
    assert (waits.step, waits.free_ms, waits.quote_micro) == (
        told.step,
        told.free_ms,
        told.quote_micro,
    )


def test_cancelling_after_the_quote_costs_nothing(mill: Place) -> None:
    job = job_make(mill, quote_first=True, steps=5_000, step_ms=10)
    train_next()
    with mill.scope():
        job_cancel(job_now(mill, job), caller=mill.caller)
        assert job_cost_micro(job_now(mill, job)) == 0
    assert _reservation(mill, job).closed_at is not None


def test_finishing_instead_of_resuming_is_charged_like_any_other(mill: Place) -> None:
    job = job_make(mill, quote_first=True, steps=5_000, step_ms=10)
    train_next()
    with mill.scope():
        job_finish_early(job_now(mill, job), caller=mill.caller)
    train_next()
    done = job_now(mill, job)
    assert done.state == State.SUCCEEDED and not done.quote_first


def test_without_a_step_in_its_time_it_waits_without_an_amount(mill: Place, settings: Any) -> None:
    settings.QUOTE_WITHIN_S = 0.5
    job = job_make(mill, quote_first=True, steps=400, step_ms=4_000)
    train_next()
    waits = job_now(mill, job)
    assert waits.awaits_word and waits.quote_micro is None
    shape = mill.api.get(f"/v1/fine_tuning/jobs/{job.id}").json()
    assert shape["x_quote"]["amount_micro"] is None


def test_resuming_without_money_is_refused_and_leaves_it_waiting(mill: Place) -> None:
    job = job_make(mill, quote_first=True, steps=5_000, step_ms=10)
    train_next()
    with mill.scope():
        waits = job_now(mill, job)
        all_micro = Balance.objects.get().wallet_micro
        reservation_open(tenant_id=mill.tenant.pk, key="all there is", amount_micro=all_micro)
        with pytest.raises(QuotaExceeded):
            job_resume(waits, caller=mill.caller)
    assert job_now(mill, job).awaits_word


def test_free_time_is_bounded_by_the_day(mill: Place, settings: Any) -> None:
    settings.QUOTE_WITHIN_S, settings.QUOTE_FREE_S = 60, 150
    first, second = (job_make(mill, quote_first=True, steps=400 + n) for n in range(2))
    # What has not begun counts for as long as it may still take some.
    with mill.scope():
        Job.objects.update(created_at=timezone.now() - timedelta(days=9))
    with pytest.raises(QuotaExceeded) as refused:
        job_make(mill, quote_first=True, steps=402)
    assert refused.value.param == "quote_first"
    with mill.scope():
        assert not Job.objects.filter(parameters__steps=402).exists()
        Job.objects.filter(pk=first.pk).update(state=State.PAUSED, quote_step=20)
    third = job_make(mill, quote_first=True, steps=402)
    # What was taken counts for a day, whatever became of the job.
    with mill.scope():
        for job in (second, third):
            job_cancel(job, caller=mill.caller)
        for hours, qty in ((25, 90_000), (1, 91_000)):
            usage_record(
                tenant_id=mill.tenant.pk,
                source="worker",
                event_id=f"{hours} hours ago",
                meter="cpu_ms",
                qty=qty,
                occurred_at=timezone.now() - timedelta(hours=hours),
                billable=False,
                reason="quote",
            )
    with pytest.raises(QuotaExceeded):
        job_make(mill, quote_first=True, steps=403)
