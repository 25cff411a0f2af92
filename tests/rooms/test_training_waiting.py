"""Why a job waits, in one sentence; and which workers are there."""

from datetime import timedelta

from django.db.models.functions import Now
from modelmill.training.models import Job, WorkerSeen
from modelmill.training.selectors import access_job
from modelmill.training.services import (
    job_claim,
    job_pause,
    worker_gone,
    worker_report,
    worker_sweeps,
)
from modelmill.training.services.presence import workers_live
from modelmill.training.waiting import job_waiting_reason

from tests.making import job_make, version_make


def _reason(place, job: Job) -> str:
    with place.scope():
        return job_waiting_reason(access_job(job.id))


def test_without_a_worker_it_says_so(acme) -> None:
    job = job_make(acme)
    assert "No training worker is running" in _reason(acme, job)
    worker_report("i1", queue="infer")
    assert "No training worker is running" in _reason(acme, job)


def test_it_counts_the_jobs_ahead_also_those_of_others(acme, globex) -> None:
    worker_report("w1", queue="train")
    job_make(globex)
    second, third = job_make(acme), job_make(acme)
    assert _reason(acme, second) == "1 job is ahead of it."
    assert _reason(acme, third) == "2 jobs are ahead of it."


def test_the_next_job_waits_for_a_busy_worker(acme) -> None:
    running, waiting = job_make(acme), job_make(acme)
    lease = job_claim("w1")
    assert lease is not None
    worker_report("w1", queue="train", job_id=lease.job_id)
    assert _reason(acme, waiting) == "It is next; every worker is busy."
    assert _reason(acme, running) == ""
    worker_report("w1")
    assert _reason(acme, waiting) == "A worker is about to take it."


def test_a_job_that_needs_a_gpu_says_which(acme) -> None:
    worker_report("w1", queue="train")
    job = job_make(acme)
    with acme.scope():
        Job.objects.filter(pk=job.pk).update(gpu_memory_mib=20_000)
    assert "GPU with 20 GiB" in _reason(acme, job)


def test_data_being_checked_and_a_pause_are_reasons_too(acme) -> None:
    checking = job_make(acme, training_ref=version_make(acme, state="validating").id)
    assert "still being checked" in _reason(acme, checking)
    paused = job_make(acme)
    with acme.scope():
        job_pause(paused, caller=acme.caller)
    assert "paused" in _reason(acme, paused)


def test_a_silent_worker_is_not_counted_and_forgotten_after_a_day(db) -> None:
    for name in ("lively", "silent", "gone", "old"):
        worker_report(name, queue="train")
    WorkerSeen.objects.filter(name="silent").update(seen_at=Now() - timedelta(minutes=5))
    WorkerSeen.objects.filter(name="old").update(seen_at=Now() - timedelta(days=2))
    worker_gone("gone")
    worker_report("lively")
    assert [worker.name for worker in workers_live("train")] == ["lively"]
    assert set(WorkerSeen.objects.values_list("name", flat=True)) == {"lively", "silent"}


def test_of_the_workers_that_wait_to_train_one_sweeps(db) -> None:
    worker_report("a", queue="infer")
    worker_report("b", queue="train", job_id="ftjob-1")
    worker_report("c", queue="control,train")
    worker_report("d", queue="train")

    def sweeping() -> list[str]:
        return [name for name in "abcd" if worker_sweeps(name)]

    assert sweeping() == ["c"]
    # One that died is not waited for, whatever its own clock said.
    WorkerSeen.objects.filter(name="c").update(seen_at=Now() - timedelta(minutes=5))
    assert sweeping() == ["d"]
    worker_report("b")
    assert sweeping() == ["b"]
