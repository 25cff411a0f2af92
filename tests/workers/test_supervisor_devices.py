"""A job on several devices of a worker: each is metered, quoted, set aside for, and shown."""

import os
import time
from collections.abc import Iterator
from typing import Any

import pytest
from modelmill.billing.models import Reservation
from modelmill.metering.models import UsageEvent
from modelmill.training.manifests import job_manifest
from modelmill.training.models import Attempt, Job
from modelmill.training.selectors import job_messages
from modelmill.training.services import job_pause, job_resume
from modelmill.training.services.money import price_micro
from modelmill.training.states import State
from modelmill_sdk.tools.fencing import bubblewrap_find
from structlog.testing import capture_logs

from tests.conftest import Place
from tests.workers.learner import job_make, job_now, meanwhile
from workers.supervisor import devices, train_next

pytestmark = [
    pytest.mark.skipif(
        bubblewrap_find() is None,
        reason="SKIPPED: processes meet inside bubblewrap; apt-get install bubblewrap.",
    ),
    pytest.mark.skipif(
        len(os.sched_getaffinity(0)) < 2,
        reason="SKIPPED: two processes have a core each; this machine has one.",
    ),
]


TEAM = "fake-team"


@pytest.fixture
def pair(mill: Place, settings: Any) -> Iterator[Place]:
    """A worker that gives each training two devices."""
    settings.DEVICES_PER_JOB = 2
    devices.device_choose.cache_clear()
    yield mill
    devices.device_choose.cache_clear()


def test_every_device_is_metered_and_shown(pair: Place, settings: Any) -> None:
    job = job_make(pair, plugin_id=TEAM, steps=40, step_ms=25)
    with pair.scope():
        # Nobody knows yet which device it will be: the dearer one's time counts, twice.
        first_ms = 2 * 1000 * settings.TRAIN_RESERVE_S
        dearer = max(price_micro(job, meter, first_ms) for meter in ("cpu_ms", "gpu_ms"))
        assert Reservation.objects.get(pk=job.reservation_id).amount_micro == dearer
    began_at = time.monotonic()
    with capture_logs() as log:
        assert train_next()
    wall_ms = (time.monotonic() - began_at) * 1000
    job = job_now(pair, job)
    assert job.state == State.SUCCEEDED, job.failure
    assert job.devices == 2
    (began,) = [line for line in log if line["event"] == "training_started"]
    assert (began["job"], began["device"].partition(" CPU")[0]) == (job.id, "2 ×")
    with pair.scope():
        billed_ms = sum(one.qty for one in UsageEvent.objects.filter(subject=job.id))
        # Forty steps are a second; by the wall it is no more than the whole attempt.
        assert 0.9 * 2 * 40 * 25 <= billed_ms == job.billed_ms <= 2 * wall_ms
        attempt = Attempt.objects.get(job=job)
        assert attempt.device_name == f"2 × {attempt.device}"
        assert any(attempt.device_name in line.message for line in job_messages(job))
        assert job_manifest(job)["attempts"][0]["devices"] == 2


def test_a_quote_counts_every_device(pair: Place) -> None:
    job = job_make(pair, plugin_id=TEAM, quote_first=True, steps=400, step_ms=15)
    assert train_next()
    job = job_now(pair, job)
    assert job.awaits_word, job.failure
    # Six seconds on each of two devices, and what it takes to begin.
    assert 2 * 4_500 < job.quote_ms < 2 * 60_000
    assert job.quote_s == job.quote_ms // 2000


def test_what_trains_on_one_device_has_one_as_ever(pair: Place) -> None:
    job = job_make(pair, steps=3)
    assert train_next()
    job = job_now(pair, job)
    assert (job.state, job.devices) == (State.SUCCEEDED, 1)
    with pair.scope():
        attempt = Attempt.objects.get(job=job)
    assert attempt.device_name == attempt.device


@pytest.mark.parametrize(("expected_mib", "devices_used"), [(600, 1), (400, 2), (0, 2)])
def test_it_has_as_many_devices_as_the_machine_has_memory_for(
    pair: Place, settings: Any, expected_mib: int, devices_used: int
) -> None:
    settings.PLUGIN_MEMORY_MIB = 1_000
    job = job_make(pair, plugin_id=TEAM, steps=3)
    with pair.scope():
        Job.objects.filter(pk=job.pk).update(expected_memory_mib=expected_mib)
    assert train_next()
    job = job_now(pair, job)
    assert (job.state, job.devices) == (State.SUCCEEDED, devices_used), job.failure


def test_resumed_on_one_device_it_is_metered_for_one(pair: Place, settings: Any) -> None:
    job = job_make(pair, plugin_id=TEAM, steps=200, step_ms=20)
    pausing = meanwhile(pair, job, lambda now: job_pause(now, caller=pair.caller))
    assert train_next()
    pausing.join()
    paused = job_now(pair, job)
    assert (paused.state, paused.devices) == (State.PAUSED, 2), paused.failure
    with pair.scope():
        job_resume(paused, caller=pair.caller)
    settings.DEVICES_PER_JOB = 1
    devices.device_choose.cache_clear()
    began_at = time.monotonic()
    assert train_next()
    wall_ms = (time.monotonic() - began_at) * 1000
    done = job_now(pair, job)
    assert (done.state, done.devices) == (State.SUCCEEDED, 1), done.failure
    left_ms = (200 - paused.step) * 20
    assert 0.9 * left_ms <= done.billed_ms - paused.billed_ms <= wall_ms
    with pair.scope():
        counts = Attempt.objects.filter(job=job).order_by("fence").values_list("devices", flat=True)
        assert list(counts) == [2, 1]
