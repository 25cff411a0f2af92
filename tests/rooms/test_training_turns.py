"""Whose job is next: fair between tenants, by plan, by priority, and who makes room for whom."""

from collections import Counter
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext
from modelmill.billing.subscriptions import subscription_for
from modelmill.core.clock import database_now
from modelmill.core.scope import system_scope
from modelmill.tenants.models import Tenant
from modelmill.training.failures import Failure
from modelmill.training.lanes import Lane
from modelmill.training.models import Attempt, Job, JobEvent
from modelmill.training.outlook import job_outlook
from modelmill.training.selectors import access_job
from modelmill.training.services import (
    Lease,
    News,
    attempt_resumed,
    job_cancel,
    job_claim,
    job_fail,
    job_heartbeat,
    job_pause,
    job_resume,
    job_yield,
    jobs_sweep,
    worker_report,
)
from modelmill.training.services.turns import lanes_mend
from modelmill.training.slices import Slice
from modelmill.training.states import Desired, Priority, State
from modelmill.training.waiting import job_waiting_reason

from tests.conftest import Place
from tests.making import job_make, version_make

MINUTE_MS = 60_000


def _plan(place: Place, code: str, **options: Any) -> None:
    call_command("billing_plan", code, tenant=[place.tenant.slug], **options)


def _jobs(place: Place, count: int, **options: Any) -> list[Job]:
    ref = version_make(place).id
    return [job_make(place, training_ref=ref, **options) for _ in range(count)]


def _claim(worker: str = "w1") -> Lease:
    lease = job_claim(worker)
    assert lease is not None
    return lease


def _train(lease: Lease, *, minutes: int = 1) -> None:
    """Prove some device time, and let the job end."""
    piece = Slice(number=1, step_from=0, step_to=1, elapsed_ms=minutes * MINUTE_MS)
    job_heartbeat(lease, News(step=1, total_steps=10), piece=piece)
    job_fail(lease, code=Failure.PLUGIN_ERROR)


def _served(count: int, *, minutes: dict[str, int] | None = None) -> list[str]:
    """Let one worker train one job after the other; return whose they were."""
    tenants = []
    for _ in range(count):
        lease = _claim()
        tenants.append(lease.tenant_id)
        _train(lease, minutes=(minutes or {}).get(lease.tenant_id, 1))
    return tenants


def test_who_has_a_hundred_jobs_does_not_keep_another_waiting(acme, globex) -> None:
    _jobs(acme, 6)
    assert _served(2) == [acme.tenant.id] * 2
    _jobs(globex, 2)
    assert Counter(_served(4)) == {acme.tenant.id: 2, globex.tenant.id: 2}


def test_it_is_device_time_that_is_shared_and_not_the_number_of_jobs(acme, globex) -> None:
    _jobs(acme, 4)
    _jobs(globex, 8)
    served = _served(9, minutes={acme.tenant.id: 4, globex.tenant.id: 1})
    assert Counter(served) == {acme.tenant.id: 2, globex.tenant.id: 7}


def test_twice_the_share_has_twice_the_time(acme, globex) -> None:
    _plan(acme, "double", share=2)
    _jobs(acme, 9)
    _jobs(globex, 9)
    assert Counter(_served(9)) == {acme.tenant.id: 6, globex.tenant.id: 3}


def test_who_rested_does_not_come_back_with_a_claim_to_everything(acme, globex) -> None:
    _jobs(acme, 10)
    _served(5)
    _jobs(globex, 5)
    served = _served(4)
    assert Counter(served) == {acme.tenant.id: 2, globex.tenant.id: 2}


def test_a_higher_tier_goes_first(acme, globex) -> None:
    _jobs(acme, 2)
    _plan(globex, "gold", tier=1)
    _jobs(globex, 2)
    assert _served(4) == [globex.tenant.id] * 2 + [acme.tenant.id] * 2


def test_a_plan_bounds_how_many_train_at_once(acme, globex) -> None:
    _plan(acme, "small", at_once=1)
    first, second = _jobs(acme, 2)
    lease = _claim()
    assert (lease.job_id, job_claim("w2")) == (first.id, None)
    worker_report("w2", queue="train")
    with acme.scope():
        assert "Your plan trains 1 job at a time" in job_waiting_reason(access_job(second.id))
    other = job_make(globex)
    assert _claim("w2").job_id == other.id
    _train(lease)
    assert _claim().job_id == second.id


def test_who_waits_for_the_plan_begins_when_one_of_their_own_has_ended(acme) -> None:
    _plan(acme, "small", at_once=1)
    _done, running, second, third = _jobs(acme, 4)
    _succeed(acme, _claim())
    assert _claim().job_id == running.id
    # One that has nothing to do; the plan keeps it from beginning.
    worker_report("w2", queue="train")
    with acme.scope():
        soon, later = (job_outlook(access_job(one.id)) for one in (second, third))
    assert (soon.ahead, later.ahead) == (0, 1)
    assert soon.seconds_to_start == pytest.approx(600, abs=10)
    assert later.seconds_to_start == pytest.approx(1_200, abs=10)


def _lanes(place: Place, count: int, **jobs: Any) -> None:
    """Give so many more tenants a lane with one job, like the place's."""
    template = job_make(place)
    with system_scope("test"):
        same = {"release_id": template.release_id, "training_ref": template.training_ref}
        same |= {"training_version_id": template.training_version_id, "seed": 1, **jobs}
        same |= {"max_attempts": 3, "next_run_at": template.next_run_at}
        Job.objects.filter(pk=template.pk).update(state=State.CANCELLED)
        known = Tenant.objects.count()
        rows = [Tenant(name=f"T{n}", slug=f"t-{n}") for n in range(known, known + count)]
        Tenant.objects.bulk_create(rows)
        Lane.objects.bulk_create(Lane(tenant=row, waits=True) for row in rows)
        Job.objects.bulk_create(Job(tenant=row, state=State.QUEUED, **same) for row in rows)


@pytest.mark.parametrize("why", ["misfit", "full", "suspended"])
def test_a_claim_costs_as_much_however_many_lanes_it_may_not_take(acme, globex, why) -> None:
    counts = []
    for more in (10, 100):
        _lanes(acme, more, gpu_memory_mib=8_000 if why == "misfit" else 0)
        with system_scope("test"):
            if why == "full":
                Lane.objects.update(at_once=0)
            if why == "suspended":
                Tenant.objects.exclude(pk=globex.tenant.pk).update(state="suspended")
        with CaptureQueriesContext(connection) as nothing:
            assert job_claim("w1") is None
        other = job_make(globex)
        with CaptureQueriesContext(connection) as found:
            assert _claim("w2").job_id == other.id
        counts.append((len(nothing), len(found)))
        with system_scope("test"):
            Job.objects.filter(pk=other.pk).update(state=State.CANCELLED, lease_until=None)
    assert counts[0] == counts[1], counts


def test_of_a_tenants_own_jobs_the_urgent_goes_first(acme) -> None:
    usual, low = job_make(acme), job_make(acme, priority=Priority.LOW)
    urgent = job_make(acme, priority=Priority.HIGH)
    assert [_claim(f"w{n}").job_id for n in range(3)] == [urgent.id, usual.id, low.id]


def test_the_api_takes_a_priority_and_tells_the_place_in_the_queue(acme) -> None:
    job_make(acme)
    body = {"model": "toy", "training_file": version_make(acme).id, "priority": "high"}
    answer = acme.api.post_json("/v1/fine_tuning/jobs", body).json()
    assert (answer["x_priority"], answer["x_queue_position"]) == ("high", 1)
    body["priority"] = "urgent"
    assert acme.api.post_json("/v1/fine_tuning/jobs", body).json()["error"]["param"] == "priority"


def test_the_outlook_follows_the_turns_and_the_last_jobs_times(acme, globex) -> None:
    worker_report("w1", queue="train")
    _jobs(acme, 3)
    theirs = job_make(globex)
    with globex.scope():
        outlook = job_outlook(access_job(theirs.id))
        # One of the three goes before: the lane that opened first. Nobody knows how long.
        assert (outlook.ahead, outlook.starts_at) == (1, None)
        Job.objects.filter(pk=theirs.pk).update(priority=Priority.LOW)
    _succeed(acme, _claim())
    worker_report("w1", job_id="ftjob-somebody")
    with globex.scope():
        outlook = job_outlook(access_job(theirs.id))
        assert outlook.ahead == 0 and outlook.seconds_to_start == 0
        assert 590 < (outlook.finishes_at - outlook.starts_at).total_seconds() < 610
        quoted = access_job(theirs.id)
        quoted.quote_ms, quoted.quote_devices = 240_000, 2
        quoted.step, quoted.total_steps = 50, 100
        outlook = job_outlook(quoted)
        assert (outlook.finishes_at - outlook.starts_at).total_seconds() == pytest.approx(60)
    with acme.scope():
        last = Job.objects.filter(state=State.QUEUED).order_by("-id").first()
        outlook = job_outlook(last)
        assert outlook.ahead == 2 and outlook.seconds_to_start == pytest.approx(1_200, abs=10)


def _succeed(place: Place, lease: Lease) -> None:
    """Let a job have ended well now, after ten minutes."""
    with place.scope():
        Job.objects.filter(pk=lease.job_id).update(
            state=State.SUCCEEDED, lease_until=None, finished_at=Now()
        )
        _took(lease.job_id, minutes=10)


def _took(job_id: str, *, minutes: int, ago: timedelta = timedelta()) -> None:
    """Let the job's newest attempt have lasted so long, and ended so long ago."""
    newest = Attempt.objects.filter(job_id=job_id).order_by("-fence").first()
    newest.ended_at = database_now() - ago
    newest.started_at = newest.ended_at - timedelta(minutes=minutes)
    newest.save(update_fields=["started_at", "ended_at"])


def _succeeded(place: Place, *, minutes: int) -> None:
    job_make(place)
    lease = _claim()
    with place.scope():
        done = {"state": State.SUCCEEDED, "lease_until": None, "finished_at": Now()}
        Job.objects.filter(pk=lease.job_id).update(**done)
        _took(lease.job_id, minutes=minutes)


def test_what_a_job_waited_and_was_paused_is_not_in_anybodys_estimate(acme, globex) -> None:
    worker_report("w1", queue="train")
    paused = job_make(acme)
    lease = _claim()
    with acme.scope():
        job_pause(paused, caller=acme.caller)
        job_yield(lease, state=State.PAUSED)
        _took(paused.id, minutes=4, ago=timedelta(hours=5))
        job_resume(access_job(paused.id), caller=acme.caller)
        lease = _claim()
        # Begun five hours ago; two attempts of four and six minutes.
        Job.objects.filter(pk=paused.id).update(
            started_at=Now() - timedelta(hours=5),
            state=State.SUCCEEDED,
            lease_until=None,
            finished_at=Now(),
        )
        _took(paused.id, minutes=6)
    waiting = _jobs(globex, 2)[1]
    with globex.scope():
        outlook = job_outlook(access_job(waiting.id))
        assert outlook.ahead == 1
        assert outlook.seconds_to_start == pytest.approx(600, abs=10)
        assert (outlook.finishes_at - outlook.starts_at).total_seconds() == pytest.approx(
            600, rel=0.02
        )


def test_a_running_job_is_judged_by_its_attempts_alone(acme, globex) -> None:
    worker_report("w1", queue="train")
    _succeeded(acme, minutes=30)
    running = job_make(acme)
    first = _claim()
    with acme.scope():
        job_heartbeat(first, News(step=10, total_steps=100), piece=None)
        job_yield(first, state=State.QUEUED)
        _took(running.id, minutes=10, ago=timedelta(hours=8))
        second = _claim()
        assert second.job_id == running.id
        attempt_resumed(second, step=10)
        worker_report("w1", job_id=running.id)
        Job.objects.filter(pk=running.id).update(started_at=Now() - timedelta(hours=9))
    waiting = job_make(globex)

    def left_s() -> int:
        with globex.scope():
            return job_outlook(access_job(waiting.id)).seconds_to_start

    # Ten steps in ten minutes, and ninety to go.
    assert left_s() == pytest.approx(90 * 60, abs=30)
    with acme.scope():
        attempts = Attempt.objects.filter(job_id=running.id, fence=second.fence)
        attempts.update(started_at=Now() - timedelta(minutes=1))
        job_heartbeat(second, News(step=20, total_steps=100), piece=None)
    # Since then ten steps in a minute, and eighty to go.
    assert left_s() == pytest.approx(8 * 60, abs=10)


def test_a_job_on_a_worker_that_does_not_fit_delays_nobody_here(acme, globex) -> None:
    _succeeded(acme, minutes=10)
    jobs = _jobs(acme, 2)
    for job, name, gpu_mib in zip(jobs, ("large", "small"), (16_000, 0), strict=True):
        assert _claim(name).job_id == job.id
        worker_report(name, queue="train", gpu_memory_mib=gpu_mib, job_id=job.id)
    with acme.scope():
        Job.objects.filter(pk=jobs[0].id).update(step=80, total_steps=100)
        Attempt.objects.filter(job=jobs[0]).update(started_at=Now() - timedelta(minutes=8))
    needs_gpu = job_make(globex)
    with globex.scope():
        Job.objects.filter(pk=needs_gpu.pk).update(gpu_memory_mib=8_000)
        outlook = job_outlook(access_job(needs_gpu.id))
        # Two minutes of the large one; the ten of the small one are none of its business.
        assert outlook.seconds_to_start == pytest.approx(120, abs=5)


def _older(job: Job) -> None:
    Attempt.objects.filter(job=job).update(started_at=Now() - timedelta(minutes=5))


def test_a_lower_tier_makes_room_when_no_worker_is_free(acme, globex) -> None:
    worker_report("w1", queue="train")
    low = job_make(acme)
    lease = _claim()
    worker_report("w1", job_id=low.id)
    _plan(globex, "gold", tier=1)
    high = job_make(globex)
    with acme.scope():
        assert jobs_sweep().yielding == 0, "it began a moment ago"
        _older(low)
        assert jobs_sweep().yielding == 1
        assert jobs_sweep().yielding == 0, "one is on its way"
        assert job_heartbeat(lease, News(step=3, total_steps=9), piece=None) == Desired.YIELD
        job_yield(lease, state=State.QUEUED)
        found = access_job(low.id)
        assert (found.state, found.attempt, found.desired_state) == (State.QUEUED, 0, Desired.RUN)
        said = JobEvent.objects.filter(message__contains="makes room")
        assert said.exists()
    assert _claim().job_id == high.id
    assert _claim("w2").job_id == low.id


def test_nobody_makes_room_while_a_worker_is_free_or_for_an_equal(acme, globex) -> None:
    for name in ("w1", "w2"):
        worker_report(name, queue="train")
    low = job_make(acme)
    _claim()
    worker_report("w1", job_id=low.id)
    with acme.scope():
        _older(low)
    job_make(globex)
    with system_scope("test"):
        assert jobs_sweep().yielding == 0
        Lane.objects.filter(tenant=globex.tenant).update(tier=1)
    _plan(globex, "gold", tier=1)
    with system_scope("test"):
        assert jobs_sweep().yielding == 0


def test_a_job_asked_to_make_room_may_be_paused_or_lost_instead(acme) -> None:
    for end in (lambda lease: job_fail(lease, code=Failure.WORKER_LOST), None):
        job = job_make(acme)
        lease = _claim()
        with acme.scope():
            Job.objects.filter(pk=job.pk).update(desired_state=Desired.YIELD)
            if end is None:
                job_pause(job, caller=acme.caller)
                job_yield(lease, state=State.QUEUED)
                assert access_job(job.id).state == State.PAUSED
            else:
                end(lease)
                assert access_job(job.id).state == State.QUEUED
                job_cancel(access_job(job.id), caller=acme.caller)


def test_lanes_are_mended_after_the_plan_or_the_rows_were_changed_by_hand(acme, globex) -> None:
    waiting, gone = job_make(acme), job_make(globex)
    with system_scope("test"):
        assert lanes_mend() == 0
        Lane.objects.filter(tenant=acme.tenant).update(waits=False)
        Job.objects.filter(pk=gone.pk).update(state=State.CANCELLED)
    assert job_claim("w1") is None
    _plan(acme, "double", share=2)
    assert lanes_mend() == 2
    with system_scope("test"):
        lanes = {lane.tenant_id: lane for lane in Lane.objects.all()}
    assert (lanes[acme.tenant.id].waits, lanes[acme.tenant.id].share) == (True, 2)
    assert not lanes[globex.tenant.id].waits
    assert _claim().job_id == waiting.id


def test_a_paused_job_waits_in_its_lane_again_when_it_is_resumed(acme) -> None:
    job = job_make(acme)
    with acme.scope():
        job_pause(job, caller=acme.caller)
        assert job_claim("w1") is None
        job_resume(job, caller=acme.caller)
    assert _claim().job_id == job.id


def test_the_operator_makes_plans(acme) -> None:
    out = StringIO()
    _plan(acme, "team", title="Team", share=3, at_once=8, stdout=out)
    assert "team: Team, tier 0, share 3, 8 at once" in out.getvalue()
    with acme.scope():
        assert subscription_for(acme.tenant.pk).plan_id == "team"
    with pytest.raises(CommandError):
        call_command("billing_plan", "team", share=0)
    with pytest.raises(CommandError):
        call_command("billing_plan", "team", tenant=["nobody"])
