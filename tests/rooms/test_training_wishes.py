"""What a customer asked for while the worker was already stopping for another reason."""

import pytest
from modelmill.core.errors import Conflict
from modelmill.training.selectors import access_job
from modelmill.training.services import (
    News,
    job_cancel,
    job_claim,
    job_pause,
    job_yield,
)
from modelmill.training.states import Desired, State

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
