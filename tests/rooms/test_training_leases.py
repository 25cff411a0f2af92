"""One worker at a time: claims, heartbeats, checkpoints, and what a stale fence may do: nothing."""

from datetime import timedelta

import pytest
from django.db.models.functions import Now
from django.utils import timezone
from modelmill.billing.models import Balance, Reservation
from modelmill.catalog.services import manifest_publish
from modelmill.core.models import Blob
from modelmill.core.storage import blob_write
from modelmill.metering.models import UsageEvent
from modelmill.registry.models import ModelVersion
from modelmill.training.failures import Failure
from modelmill.training.manifests import job_manifest
from modelmill.training.models import Attempt, Checkpoint, Job, JobEvent
from modelmill.training.progress import job_progress
from modelmill.training.selectors import access_job, attempt_list
from modelmill.training.services import (
    EventDraft,
    Lease,
    LeaseLost,
    News,
    attempt_environment,
    attempt_release,
    checkpoint_commit,
    checkpoint_newest,
    job_cancel,
    job_claim,
    job_fail,
    job_finish,
    job_heartbeat,
    job_pause,
    job_report,
    job_resume,
    job_wish,
    job_yield,
    jobs_sweep,
)
from modelmill.training.slices import Slice
from modelmill.training.states import Desired, State

from tests.making import job_make, manifest_make


@pytest.fixture(autouse=True)
def _media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "storage"


def _slice(number: int, step_from: int, step_to: int, *, resumed: int | None = None) -> Slice:
    return Slice(
        number=number, step_from=step_from, step_to=step_to, elapsed_ms=500, resumed_step=resumed
    )


def _expire(job: Job) -> None:
    Job.objects.filter(pk=job.pk).update(lease_until=Now() - timedelta(seconds=1))


def _blob(content: bytes = b"weights") -> Blob:
    return blob_write([content])


def _claim() -> Lease:
    lease = job_claim("w1")
    assert lease is not None
    return lease


def test_the_oldest_job_is_claimed_first_and_once(acme, globex) -> None:
    first, second = job_make(acme), job_make(globex)
    assert _claim().job_id == first.id
    assert _claim().job_id == second.id
    assert job_claim("w3") is None


def test_a_job_that_needs_a_gpu_waits_for_a_worker_with_one(acme) -> None:
    job = job_make(acme)
    with acme.scope():
        Job.objects.filter(pk=job.pk).update(gpu_memory_mib=8_000)
    assert job_claim("cpu") is None
    assert job_claim("gpu", meter="gpu_ms", gpu_memory_mib=16_000) is not None


def test_what_is_wished_is_read_at_once_and_costs_one_query(
    acme, django_assert_num_queries
) -> None:
    job = job_make(acme)
    lease = _claim()
    with acme.scope():
        job_cancel(job, caller=acme.caller)
    with django_assert_num_queries(1) as asked:
        assert job_wish(lease) == Desired.CANCEL
    assert asked[0]["sql"].startswith("SELECT")
    with acme.scope():
        Job.objects.filter(pk=job.pk).update(fence=lease.fence + 1)
    with pytest.raises(LeaseLost):
        job_wish(lease)


def test_a_heartbeat_renews_bills_and_reports_in_one(acme) -> None:
    job = job_make(acme)
    lease = _claim()
    point = EventDraft(kind="metrics", step=5, values={"loss": 0.5})
    news = News(step=5, total_steps=20, metrics={"loss": 0.5}, events=(point,))
    with acme.scope():
        before = access_job(job.id).lease_until
        assert job_heartbeat(lease, news, piece=_slice(1, 0, 5)) == Desired.RUN
        job = access_job(job.id)
        assert (job.step, job.total_steps, job.billed_through_step, job.billed_ms) == (
            5,
            20,
            5,
            500,
        )
        assert job.lease_until > before
        event = UsageEvent.objects.get()
        assert (event.meter, event.qty, event.subject, event.billable) == (
            "cpu_ms",
            500,
            job.id,
            True,
        )
        assert event.event_id == f"run:{job.id}:f1:s1"
        assert (event.dims["step_from"], event.dims["step_to"]) == (0, 5)
        assert JobEvent.objects.get(kind="metrics").values == {"loss": 0.5}


def test_the_same_heartbeat_again_bills_nothing_more(acme) -> None:
    job = job_make(acme)
    lease = _claim()
    news = News(step=5, total_steps=20, events=(EventDraft(message="half way"),))
    with acme.scope():
        for _ in range(2):
            job_heartbeat(lease, news, piece=_slice(1, 0, 5))
        assert access_job(job.id).billed_ms == 500
        assert UsageEvent.objects.count() == 1
        assert JobEvent.objects.filter(message="half way").count() == 1


def test_a_stale_fence_writes_nothing(acme) -> None:
    job = job_make(acme)
    stale = _claim()
    with acme.scope():
        _expire(job)
        fresh = _claim()
        assert (fresh.job_id, fresh.fence) == (job.id, stale.fence + 1)
        news = News(step=9, total_steps=20, events=(EventDraft(message="zombie"),))
        blob = _blob()
        writes = [
            lambda: job_heartbeat(stale, news, piece=_slice(1, 0, 9)),
            lambda: job_report(stale, news),
            lambda: checkpoint_commit(stale, news, piece=None, step=9, blob=blob),
            lambda: job_finish(stale, news, piece=None, files={"w": blob}, metrics={}),
            lambda: job_fail(stale, code=Failure.PLUGIN_ERROR),
            lambda: job_yield(stale, state=State.QUEUED),
        ]
        for write in writes:
            with pytest.raises(LeaseLost):
                write()
        job = access_job(job.id)
        assert (job.state, job.step, job.lease_owner) == (State.RUNNING, 0, "w1")
        assert not UsageEvent.objects.exists() and not Checkpoint.objects.exists()
        assert not JobEvent.objects.filter(message="zombie").exists()
        assert not ModelVersion.objects.exists()


def test_a_lease_that_ran_out_is_not_renewed_though_nobody_took_the_job(acme) -> None:
    job = job_make(acme)
    lease = _claim()
    with acme.scope():
        job_heartbeat(lease, News(step=5, total_steps=20), piece=_slice(1, 0, 5))
        _expire(job)
        news, blob = News(step=9, total_steps=20), _blob()
        # It slept for an hour, and would bill it as one slice.
        slept = Slice(number=2, step_from=5, step_to=9, elapsed_ms=3_600_000)
        for write in (
            lambda: job_heartbeat(lease, news, piece=slept),
            lambda: job_report(lease, news),
            lambda: checkpoint_commit(lease, news, piece=slept, step=9, blob=blob),
            lambda: job_finish(lease, news, piece=slept, files={"w": blob}, metrics={}),
            lambda: job_yield(lease, state=State.QUEUED, news=news, piece=slept),
            lambda: job_fail(lease, code=Failure.WORKER_LOST),
        ):
            with pytest.raises(LeaseLost):
                write()
        found = access_job(job.id)
        assert (found.state, found.step, found.billed_ms) == (State.RUNNING, 5, 500)
        assert UsageEvent.objects.count() == 1 and not Checkpoint.objects.exists()
    assert jobs_sweep().expired == 1
    with acme.scope():
        assert access_job(job.id).state == State.QUEUED


def test_steps_done_again_are_not_billed_again(acme) -> None:
    job = job_make(acme)
    lease = _claim()
    with acme.scope():
        job_heartbeat(lease, News(step=8, total_steps=20), piece=_slice(1, 0, 8))
        _expire(job)
        lease = _claim()
        job_heartbeat(lease, News(step=12, total_steps=20), piece=_slice(1, 4, 12, resumed=4))
        # By steps: ids that were made within one millisecond are in no order.
        rows = UsageEvent.objects.filter(subject=job.id)
        told = sorted((row.dims["step_from"], row.dims["step_to"], row.billable) for row in rows)
        assert told == [(0, 8, True), (4, 8, False), (8, 12, True)]
        assert rows.get(billable=False).reason == "redo"


def test_two_checkpoints_are_kept_and_the_newest_is_resumed_from(acme) -> None:
    job_make(acme)
    lease = _claim()
    with acme.scope():
        for number, step in enumerate((5, 10, 15), start=1):
            checkpoint_commit(
                lease,
                News(step=step, total_steps=20),
                piece=_slice(number, step - 5, step),
                step=step,
                blob=_blob(b"state %d" % step),
            )
        assert checkpoint_newest(lease).step == 15
        rows = Checkpoint.objects.order_by("step")
        assert [(row.step, row.blob_id is None) for row in rows] == [
            (5, True),
            (10, False),
            (15, False),
        ]
        assert Blob.objects.count() == 2


def test_a_step_saved_again_takes_the_place_of_the_one_before(acme) -> None:
    job_make(acme)
    lease = _claim()
    with acme.scope():
        for number, content in enumerate((b"early", b"late"), start=1):
            checkpoint_commit(
                lease,
                News(step=5, total_steps=20),
                piece=_slice(number, 0 if number == 1 else 5, 5),
                step=5,
                blob=_blob(content),
            )
        assert Checkpoint.objects.get().sha256 == _blob(b"late").sha256


def test_a_job_that_stopped_early_is_at_its_end(acme) -> None:
    job = job_make(acme)
    lease = _claim()
    with acme.scope():
        news = News(step=54, total_steps=240)
        job_finish(lease, news, piece=None, files={"w": _blob()}, metrics={})
        done = access_job(job.id)
    assert (done.state, done.step, done.total_steps) == ("succeeded", 54, 54)


def test_a_finished_job_has_a_model_with_its_lineage(acme) -> None:
    job = job_make(acme, suffix="Ours", parameters={"steps": 20}, seed=7)
    lease = _claim()
    with acme.scope():
        checkpoint_commit(
            lease, News(step=10, total_steps=20), piece=_slice(1, 0, 10), step=10, blob=_blob()
        )
        version = job_finish(
            lease,
            News(step=20, total_steps=20),
            piece=_slice(2, 10, 20),
            files={"model.safetensors": _blob(b"model")},
            metrics={"loss": 0.1},
        )
        job = access_job(job.id)
        assert (job.state, job.model_version_id, job.lease_until) == ("succeeded", version.id, None)
        assert version.name.startswith("ft:toy:acme:ours:")
        assert (version.seed, version.step, version.metrics) == (7, 20, {"loss": 0.1})
        assert version.dataset_version_id == job.training_version_id
        assert version.release_id == job.release_id and version.parameters["steps"] == 20
        held = Reservation.objects.get(id=job.reservation_id)
        assert held.closed_at is not None and held.spent_micro > 0
        assert Attempt.objects.get().outcome == "succeeded"
        # The checkpoint's bytes are kept for a while, like the model's.
        assert sorted(blob.size_bytes for blob in Blob.objects.all()) == [5, 7]


def test_a_crash_is_tried_again_with_a_wait_until_it_is_enough(acme, settings) -> None:
    settings.MAX_ATTEMPTS = 2
    job = job_make(acme)
    with acme.scope():
        assert job_fail(_claim(), code=Failure.PLUGIN_CRASHED)
        job = access_job(job.id)
        assert job.state == State.QUEUED and job_claim("w2") is None
        Job.objects.filter(pk=job.pk).update(next_run_at=Now())
        assert not job_fail(_claim(), code=Failure.PLUGIN_CRASHED)
        job = access_job(job.id)
        assert (job.state, job.error_code, job.attempt) == ("failed", "plugin_crashed", 2)
        assert Reservation.objects.get(id=job.reservation_id).closed_at is not None


def test_a_mistake_of_the_customers_is_not_tried_again(acme) -> None:
    job = job_make(acme)
    with acme.scope():
        assert not job_fail(_claim(), code=Failure.DATASET_INVALID, message="12 rows are few.")
        assert access_job(job.id).error_message == "12 rows are few."


def test_the_sweep_takes_a_job_from_a_silent_worker(acme) -> None:
    job = job_make(acme)
    stale = _claim()
    with acme.scope():
        _expire(job)
    assert jobs_sweep().expired == 1
    assert jobs_sweep().expired == 0
    with acme.scope():
        job = access_job(job.id)
        assert (job.state, job.attempt) == (State.QUEUED, 1)
        assert Attempt.objects.get().outcome == "worker_lost"
        with pytest.raises(LeaseLost):
            job_report(stale, News())


def test_the_sweep_fails_a_job_that_used_up_its_attempts(acme, settings) -> None:
    settings.MAX_ATTEMPTS = 1
    job = job_make(acme)
    _claim()
    with acme.scope():
        _expire(job)
    jobs_sweep()
    with acme.scope():
        job = access_job(job.id)
        assert (job.state, job.error_code) == (State.FAILED, "worker_lost")


def test_a_job_that_cannot_be_ended_does_not_keep_the_sweep_from_others(
    acme, globex, settings, caplog
) -> None:
    settings.MAX_ATTEMPTS = 1
    bad, good = job_make(acme), job_make(globex)
    for place, job in ((acme, bad), (globex, good)):
        _claim()
        with place.scope():
            _expire(job)
    with acme.scope():
        # Its money cannot be given back.
        Balance.objects.all().delete()
    assert jobs_sweep().expired == 1
    assert "lease_not_expired" in caplog.text and bad.id in caplog.text
    with globex.scope():
        assert access_job(good.id).state == State.FAILED


def test_a_running_job_hears_of_cancel_with_its_next_report(acme) -> None:
    job = job_make(acme)
    lease = _claim()
    with acme.scope():
        assert job_cancel(job, caller=acme.caller).state == State.RUNNING
        assert job_report(lease, News(step=3, total_steps=20)) == Desired.CANCEL
        job_yield(lease, state=State.CANCELLED)
        assert access_job(job.id).state == State.CANCELLED


def test_a_paused_job_goes_on_and_its_attempt_does_not_count(acme) -> None:
    job = job_make(acme)
    lease = _claim()
    with acme.scope():
        job_pause(job, caller=acme.caller)
        job_yield(lease, state=State.PAUSED)
        job = access_job(job.id)
        assert (job.state, job.attempt) == (State.PAUSED, 0)
        assert job_claim("w2") is None
        job_resume(job, caller=acme.caller)
        assert _claim().fence == lease.fence + 1


def test_a_job_that_went_on_after_a_pause_is_at_the_same_try(acme) -> None:
    job = job_make(acme)
    with acme.scope():
        assert (job_progress(job).attempt, job_progress(job).is_resumed) == (0, False)
        lease = _claim()
        job_pause(job, caller=acme.caller)
        job_yield(lease, state=State.PAUSED)
        assert (job_progress(job).attempt, job_progress(job).is_resumed) == (1, False)
        job_resume(job, caller=acme.caller)
        lease = _claim()
        assert (job_progress(job).attempt, job_progress(job).is_resumed) == (1, True)
        assert job_fail(lease, code=Failure.PLUGIN_CRASHED)
        Job.objects.filter(pk=job.pk).update(next_run_at=Now())
        _claim()
        assert (job_progress(job).attempt, job_progress(job).is_resumed) == (2, False)
        rows = [(one.number, one.is_resumed) for one in attempt_list(job)]
        assert rows == [(1, False), (1, True), (2, False)]


def test_a_job_costs_what_each_device_it_ran_on_costs(acme) -> None:
    job = job_make(acme)
    with acme.scope():
        first = job_claim("cpu", meter="cpu_ms")
        hour = Slice(number=1, step_from=0, step_to=10, elapsed_ms=3_600_000)
        job_heartbeat(first, News(step=10, total_steps=20), piece=hour)
        _expire(job)
        second = job_claim("gpu", meter="gpu_ms", gpu_memory_mib=16_000)
        minute = Slice(number=1, step_from=10, step_to=20, elapsed_ms=60_000)
        done = News(step=20, total_steps=20)
        job_finish(second, done, piece=minute, files={"w": _blob()}, metrics={})
        # An hour of CPU for 0.24 and a minute of GPU for 0.04.
        assert job_progress(access_job(job.id)).cost_micro == 280_000
        assert Reservation.objects.get(key=f"job:{job.id}").spent_micro == 280_000


def test_the_manifest_tells_each_attempts_own_release(acme) -> None:
    job = job_make(acme)
    with acme.scope():
        for version, digest in (("1.0", "sha256:00"), ("2.0", "sha256:22")):
            manifest_publish(manifest_make(version=version, digest=digest))
            lease = _claim()
            attempt_release(lease)
            attempt_environment(lease, {"torch": "2.9"}, threads=1)
            job_yield(lease, state=State.QUEUED)
        job_claim("w2")
        told = job_manifest(access_job(job.id))["attempts"]
    digests = [one["release"] and one["release"]["digest"] for one in told]
    assert digests == ["sha256:00", "sha256:22", None]
    assert [one["environment"] for one in told] == [{"torch": "2.9"}, {"torch": "2.9"}, {}]


def test_the_time_left_is_judged_by_the_steps_and_not_by_the_start_before_them(acme) -> None:
    job = job_make(acme)
    lease = _claim()
    now = timezone.now()
    with acme.scope():
        # It took an hour to begin; then a step every two seconds, and ten minutes of a pause.
        Attempt.objects.filter(job=job).update(started_at=now - timedelta(hours=1))
        for step in range(1, 11):
            point = EventDraft(kind="metrics", step=step, values={"loss": 1.0})
            job_heartbeat(lease, News(step=step, total_steps=40, events=[point]), piece=None)
            ago_s = 2 * (10 - step) + (600 if step < 5 else 0)
            told = JobEvent.objects.filter(job=job, step=step)
            told.update(created_at=now - timedelta(seconds=ago_s))
        assert job_progress(access_job(job.id)).seconds_left == 60


def test_the_time_so_far_is_what_workers_spent_and_not_what_it_waited(acme) -> None:
    job = job_make(acme)
    lease = _claim()
    with acme.scope():
        job_yield(lease, state=State.PAUSED)
        began = timezone.now() - timedelta(hours=3)
        spent = {"started_at": began, "ended_at": began + timedelta(seconds=90)}
        Attempt.objects.filter(job=job).update(**spent)
        Job.objects.filter(pk=job.pk).update(started_at=began)
        assert job_progress(access_job(job.id)).elapsed_s == 90
        job_resume(access_job(job.id), caller=acme.caller)
    _claim()
    with acme.scope():
        assert 90 <= job_progress(access_job(job.id)).elapsed_s < 120
