"""A training whose balance is used up: its plugin keeps what it has learnt, and goes on later."""

from typing import Any

import pytest
from modelmill.billing.models import Reservation
from modelmill.billing.selectors import wallet_balance
from modelmill.billing.services import reservation_grow, reservation_open, wallet_top_up
from modelmill.training.models import Checkpoint, Job
from modelmill.training.services import job_finish_early, job_resume
from modelmill.training.services.money import job_cost_micro
from modelmill.training.states import State

from tests.conftest import Place
from tests.workers.learner import job_make, job_now, meanwhile, steps_billed, weights
from workers.supervisor import train_next

# Three seconds of a CPU, at the price of the first book.
HELD_MICRO = 200


@pytest.fixture
def poor(mill: Place, settings: Any) -> Job:
    """A job of more steps than there is money for."""
    settings.TRAIN_RESERVE_S = 0
    job = job_make(mill, steps=120, step_ms=60)
    with mill.scope():
        held = Reservation.objects.get(pk=job.reservation_id)
        reservation_grow(held, amount_micro=HELD_MICRO)
        wallet_micro = wallet_balance(mill.tenant.id)
        reservation_open(tenant_id=mill.tenant.id, key="all", amount_micro=wallet_micro)
    return job


def test_it_pauses_at_a_checkpoint_and_goes_on_to_the_same_weights(
    mill: Place, poor: Job, tmp_path: Any
) -> None:
    assert train_next()
    job = job_now(mill, poor)
    assert job.is_paused_unpaid and job.attempt == 0
    with mill.scope():
        assert Checkpoint.objects.get(job=job).step == job.step > 3
        assert 0 < job_cost_micro(job) <= HELD_MICRO
        wallet_top_up(tenant_id=mill.tenant.id, key="more", amount_micro=1_000_000)
        job_resume(job, caller=mill.caller)
    whole = job_make(mill, steps=120)
    assert train_next() and train_next()
    assert job_now(mill, poor).state == State.SUCCEEDED
    assert weights(mill, whole, tmp_path) == weights(mill, poor, tmp_path)
    billed = steps_billed(mill, poor)
    assert len(billed) == len(set(billed)) and set(billed) <= set(range(120))


def test_what_was_asked_to_finish_leaves_its_model_though_the_money_is_out(
    mill: Place, poor: Job
) -> None:
    def finish(job: Job) -> None:
        # Before it has learnt of it, nothing is left to pay the rest with.
        Reservation.objects.filter(pk=job.reservation_id).update(amount_micro=1)
        job_finish_early(job, caller=mill.caller)

    thread = meanwhile(mill, poor, finish)
    assert train_next()
    thread.join()
    job = job_now(mill, poor)
    assert (job.state, job.early_end, job.error_code) == (State.SUCCEEDED, "asked", "")
