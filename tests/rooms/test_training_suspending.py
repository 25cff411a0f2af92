"""What an organisation that is suspended had asked for: nothing trains, and nothing is lost."""

from datetime import timedelta

import pytest
from django.db.models.functions import Now
from modelmill.tenants.models import Tenant
from modelmill.tenants.services import tenant_state_set
from modelmill.training.models import Job
from modelmill.training.searches.services import searches_open, trial_begin
from modelmill.training.selectors import access_job, job_messages
from modelmill.training.services import (
    News,
    job_claim,
    job_heartbeat,
    job_resume,
    job_yield,
    jobs_sweep,
    worker_report,
)
from modelmill.training.states import Desired, EarlyEnd, State
from modelmill.training.waiting import job_waiting_reason

from tests.making import job_make, search_make
from workers.searching import search_advance


@pytest.fixture
def suspend(acme):
    """Suspend the organisation, or let it work again."""

    def set_state(state: str = Tenant.State.SUSPENDED) -> None:
        tenant_state_set(acme.tenant, state=state, actor="operator")

    return set_state


def test_its_jobs_wait_and_keep_nobody_waiting(acme, globex, suspend) -> None:
    worker_report("w1", queue="train")
    job, other = job_make(acme), job_make(globex)
    suspend()
    with globex.scope():
        assert job_waiting_reason(access_job(other.id)) == "A worker is about to take it."
    with acme.scope():
        assert "suspended" in job_waiting_reason(access_job(job.id))
    assert job_claim("w1").job_id == other.id
    assert job_claim("w2") is None and jobs_sweep().waiting == 0
    suspend(Tenant.State.ACTIVE)
    assert job_claim("w2").job_id == job.id


def test_what_trains_is_paused_and_its_owner_resumes_it(acme, suspend) -> None:
    job = job_make(acme)
    lease = job_claim("w1")
    suspend()
    assert [jobs_sweep().suspended for _ in range(2)] == [1, 0]
    assert job_heartbeat(lease, News(step=3, total_steps=9), piece=None) == Desired.PAUSE
    job_yield(lease, state=State.PAUSED)
    with acme.scope():
        assert access_job(job.id).state == State.PAUSED
        assert "suspended" in job_messages(job)[1].message
        suspend(Tenant.State.ACTIVE)
        assert job_claim("w1") is None
        job_resume(access_job(job.id), caller=acme.caller)
    assert job_claim("w1").job_id == job.id


def test_a_job_whose_worker_was_lost_is_paused_and_not_taken_by_another(acme, suspend) -> None:
    job = job_make(acme)
    job_claim("w1")
    with acme.scope():
        Job.objects.filter(pk=job.pk).update(lease_until=Now() - timedelta(seconds=1))
    suspend()
    assert job_claim("w2") is None
    jobs_sweep()
    with acme.scope():
        assert access_job(job.id).state == State.PAUSED


@pytest.mark.parametrize(
    ("early_end", "ago_s", "asked"), [("asked", 0, 0), ("asked", 600, 1), ("kept", 600, 0)]
)
def test_what_is_being_finished_is_let_for_a_while(acme, suspend, early_end, ago_s, asked) -> None:
    job = job_make(acme)
    job_claim("w1")
    with acme.scope():
        finish_asked_at = Now() - timedelta(seconds=ago_s)
        wish = {"desired_state": Desired.FINISH, "early_end": EarlyEnd(early_end)}
        Job.objects.filter(pk=job.pk).update(finish_asked_at=finish_asked_at, **wish)
    suspend()
    assert jobs_sweep().suspended == asked
    with acme.scope():
        found = access_job(job.id)
    kept = (Desired.PAUSE, "") if asked else (Desired.FINISH, early_end)
    assert (found.desired_state, found.early_end) == kept


def test_its_searches_begin_no_trial_and_go_on_later(acme, suspend) -> None:
    search = search_make(acme, parallel=2)
    suspend()
    assert not searches_open()
    search_advance(search.id, tenant_id=acme.tenant.id)
    with acme.scope():
        assert not Job.objects.exists()
    suspend(Tenant.State.ACTIVE)
    assert searches_open() == [(acme.tenant.id, search.id)]
    search_advance(search.id, tenant_id=acme.tenant.id)
    with acme.scope():
        assert Job.objects.count() == 2


def test_a_trial_that_is_open_is_still_settled(acme, suspend) -> None:
    search = search_make(acme)
    with acme.scope():
        trial_begin(search, number=0, parameters={"steps": 3})
    suspend()
    assert searches_open() == [(acme.tenant.id, search.id)]
