"""Memory: what attempts took is kept, and later decides which worker the same work fits."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from modelmill.core.models import Blob
from modelmill.core.storage import blob_write
from modelmill.training.failures import Failure
from modelmill.training.fitting import job_fits
from modelmill.training.models import Attempt, Job, WorkerSeen
from modelmill.training.selectors import access_job, job_peaks
from modelmill.training.services import (
    Lease,
    News,
    job_claim,
    job_fail,
    job_finish,
    job_heartbeat,
    worker_report,
)
from modelmill.training.services.turns import lane_open
from modelmill.training.states import EarlyEnd
from modelmill.training.waiting import job_waiting_reason

from tests.conftest import Place
from tests.making import job_make, version_make


@pytest.fixture(autouse=True)
def _media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "storage"


def _files(place: Place) -> dict[str, Blob]:
    with place.scope():
        return {"weights": blob_write([b"weights"])}


def _claim(**worker: Any) -> Lease:
    lease = job_claim("w1", **worker)
    assert lease is not None
    return lease


def _done(place: Place, ref: str, *, device_mib: int = 0, **peaks: int) -> Job:
    """Let a job end well that took as much."""
    job = job_make(place, training_ref=ref)
    lease = _claim(gpu_memory_mib=device_mib)
    assert lease.job_id == job.id
    news = News(step=1, total_steps=1, **peaks)
    job_finish(lease, news, piece=None, files=_files(place), metrics={})
    return job


def test_peaks_only_grow_and_are_bounded(acme) -> None:
    job = job_make(acme)
    lease = _claim()
    for memory_mib in (300, 200, 2**40):
        job_heartbeat(lease, News(peak_memory_mib=memory_mib, peak_gpu_memory_mib=7), piece=None)
        with acme.scope():
            assert job_peaks(job) == (max(300, min(memory_mib, 64 << 20)), 7)


def test_the_same_work_is_expected_to_take_what_it_took(acme) -> None:
    ref = version_make(acme).id
    _done(acme, ref, device_mib=80_000, peak_memory_mib=900, peak_gpu_memory_mib=10_000)
    again = job_make(acme, training_ref=ref, suffix="again", seed=3)
    assert (again.expected_memory_mib, again.expected_gpu_memory_mib) == (900, 11_500)
    # What needs no GPU still needs none.
    assert again.gpu_memory_mib == 0
    other = job_make(acme, training_ref=ref, parameters={"steps": 21})
    elsewhere = job_make(acme)
    assert other.expected_memory_mib == elsewhere.expected_memory_mib == 0


def test_the_same_work_is_found_behind_any_number_of_others(acme) -> None:
    ref = version_make(acme).id
    _done(acme, ref, device_mib=80_000, peak_memory_mib=900, peak_gpu_memory_mib=10_000)
    with acme.scope():
        for steps in range(100, 160):
            other = job_make(acme, training_ref=ref, parameters={"steps": steps})
            row = Job.objects.filter(pk=other.pk)
            row.update(state="running", lease_until=other.created_at)
            row.update(state="succeeded", lease_until=None)
            Attempt.objects.create(
                tenant=acme.tenant,
                job=other,
                fence=1,
                number=1,
                worker="w",
                started_at=other.created_at,
                outcome="succeeded",
                peak_memory_mib=steps,
            )
    again = job_make(acme, training_ref=ref)
    assert (again.expected_memory_mib, again.expected_gpu_memory_mib) == (900, 11_500)


def test_another_tenants_peaks_tell_nothing(acme, globex) -> None:
    _done(acme, version_make(acme).id, peak_memory_mib=900)
    assert job_make(globex).expected_memory_mib == 0


def test_what_ran_out_of_memory_is_no_measure(acme) -> None:
    ref = version_make(acme).id
    job_make(acme, training_ref=ref)
    job_fail(_claim(), code=Failure.OUT_OF_MEMORY, news=News(peak_memory_mib=900))
    assert job_make(acme, training_ref=ref).expected_memory_mib == 0


def test_the_margin_shuts_out_no_device_that_was_large_enough(acme) -> None:
    ref = version_make(acme).id
    _done(acme, ref, device_mib=24_000, peak_gpu_memory_mib=23_000)
    again = job_make(acme, training_ref=ref)
    assert again.expected_gpu_memory_mib == 24_000
    assert job_claim("gpu", gpu_memory_mib=24_000) is not None


def test_a_job_that_was_overestimated_may_use_a_smaller_gpu(acme, monkeypatch) -> None:
    ref = version_make(acme).id
    needs = {"needs": {"gpu_memory_mib": 40_000}}
    monkeypatch.setattr("tests.making.manifest_make", _with(needs))
    _done(acme, ref, device_mib=80_000, peak_gpu_memory_mib=10_000)
    again = job_make(acme, training_ref=ref)
    assert again.gpu_memory_mib == 11_500
    assert job_claim("cpu") is None
    assert job_claim("small", gpu_memory_mib=11_000) is None
    assert job_claim("middle", gpu_memory_mib=16_000) is not None


def test_a_gpu_too_small_is_passed_over_and_a_cpu_is_not(acme) -> None:
    ref = version_make(acme).id
    _done(acme, ref, device_mib=80_000, peak_gpu_memory_mib=10_000)
    job_make(acme, training_ref=ref)
    assert job_claim("small", gpu_memory_mib=11_000) is None
    assert job_claim("cpu") is not None


def test_a_worker_with_too_little_memory_does_not_claim(acme) -> None:
    ref = version_make(acme).id
    _done(acme, ref, peak_memory_mib=9_000)
    job = job_make(acme, training_ref=ref)
    worker_report("w1", queue="train", memory_mib=8_000)
    with acme.scope():
        assert "9 GiB of memory" in job_waiting_reason(access_job(job.id))
    assert job_claim("w1", memory_mib=8_000) is None
    assert job_claim("w2", memory_mib=9_000) is not None


@pytest.mark.parametrize("gpu_mib", [0, 8_000, 16_000])
@pytest.mark.parametrize("ram_mib", [0, 4_000, 8_000])
def test_one_job_and_one_worker_fit_as_the_claim_says(acme, gpu_mib, ram_mib) -> None:
    job = job_make(acme)
    worker = WorkerSeen(gpu_memory_mib=gpu_mib, memory_mib=ram_mib)
    for need, on_gpu, memory in [(0, 9_000, 0), (9_000, 9_000, 0), (0, 0, 5_000), (1, 1, 8_000)]:
        with acme.scope():
            Job.objects.filter(pk=job.pk).update(
                gpu_memory_mib=need, expected_gpu_memory_mib=on_gpu, expected_memory_mib=memory
            )
            Attempt.objects.all().delete()
            Job.objects.update(state="queued", lease_until=None, attempt=0)
            fits = job_fits(access_job(job.pk), worker)
        lane_open(acme.tenant.pk)
        assert (job_claim("w", gpu_memory_mib=gpu_mib, memory_mib=ram_mib) is not None) == fits


def test_a_claim_costs_the_same_whatever_a_worker_has(acme) -> None:
    counts = []
    for worker in ({}, {"memory_mib": 8_000}, {"gpu_memory_mib": 8_000, "memory_mib": 8_000}):
        job_make(acme)
        with CaptureQueriesContext(connection) as asked:
            assert job_claim("w1", **worker) is not None
        counts.append(len(asked))
    assert len(set(counts)) == 1


def _with(fields: dict[str, Any]) -> Any:
    from tests.making import manifest_make

    return lambda **more: manifest_make(**fields, **more)


def test_what_made_a_model_of_a_checkpoint_says_nothing_of_a_training(acme) -> None:
    ref = version_make(acme).id
    made = _done(acme, ref, peak_memory_mib=100)
    with acme.scope():
        Job.objects.filter(pk=made.pk).update(early_end=EarlyEnd.KEPT)
    assert job_make(acme, training_ref=ref).expected_memory_mib == 0
