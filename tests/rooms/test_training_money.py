"""A job's money: each wait and step once, never above the limit, set aside for every device."""

from typing import Any

import pytest
from modelmill.billing.models import Reservation
from modelmill.core.errors import InvalidRequest
from modelmill.core.storage import blob_write
from modelmill.metering.models import UsageEvent
from modelmill.training.failures import Failure
from modelmill.training.models import Job
from modelmill.training.selectors import access_job
from modelmill.training.services import (
    Lease,
    News,
    attempt_follows_pause,
    checkpoint_commit,
    job_fail,
    job_finish,
    job_heartbeat,
    job_pause,
    job_resume,
    job_yield,
)
from modelmill.training.services.money import job_cost_micro, price_micro
from modelmill.training.slices import Slice
from modelmill.training.states import Desired, State

from tests.conftest import Place
from tests.making import job_claimed, job_make
from workers.supervisor.clock import SliceClock


@pytest.fixture(autouse=True)
def _media(settings: Any, tmp_path: Any) -> None:
    settings.MEDIA_ROOT = tmp_path / "storage"


def _beat(lease: Lease, number: int, start: int, end: int, *, ms: int, **more: Any) -> Desired:
    piece = Slice(number=number, step_from=start, step_to=end, elapsed_ms=ms, **more)
    return job_heartbeat(lease, News(step=end, total_steps=1000), piece=piece)


def test_a_start_that_is_lost_again_and_again_is_paid_once(acme: Place) -> None:
    job = job_make(acme)
    with acme.scope():
        for _attempt in range(3):
            lease = job_claimed()
            for number in range(1, 5):
                _beat(lease, number, 0, 0, ms=15_000, stood_ms=15_000 * (number - 1))
            job_fail(lease, code=Failure.WORKER_LOST)
        assert access_job(job.id).billed_ms == 60_000


def test_what_follows_the_last_step_is_paid_once(acme: Place) -> None:
    job = job_make(acme)
    with acme.scope():
        lease = job_claimed()
        piece = Slice(number=1, step_from=0, step_to=8, elapsed_ms=8_000)
        blob = blob_write([b"weights"])
        checkpoint_commit(lease, News(step=8, total_steps=10), piece=piece, step=8, blob=blob)
        _beat(lease, 2, 8, 10, ms=10_000, still_ms=8_000)
        _beat(lease, 3, 10, 10, ms=15_000, stood_ms=8_000)
        assert access_job(job.id).billed_ms == 33_000
        job_fail(lease, code=Failure.WORKER_LOST)

        lease = job_claimed()
        _beat(lease, 1, 8, 10, ms=3_000, resumed_step=8, still_ms=1_000)
        _beat(lease, 2, 10, 10, ms=15_000, resumed_step=8, stood_ms=1_000)
        assert access_job(job.id).billed_ms == 33_000
        _beat(lease, 3, 10, 10, ms=15_000, resumed_step=8, stood_ms=16_000)
        # It waits eight seconds longer than the attempt before.
        assert access_job(job.id).billed_ms == 41_000


def test_a_slice_over_the_limit_is_billed_up_to_it(acme: Place) -> None:
    job = job_make(acme, max_cost_micro=30_000)
    with acme.scope():
        lease = job_claimed()
        assert _beat(lease, 1, 0, 500, ms=15_000 * 8, devices=8) == Desired.FINISH
        job = access_job(job.id)
        cost_micro = job_cost_micro(job)
        # To the last millisecond that it pays for.
        assert cost_micro <= 30_000 < cost_micro + 2 * price_micro(job, "gpu_ms", 2)
        paid, beyond = UsageEvent.objects.order_by("-billable")
        assert paid.qty + beyond.qty == 15_000 * 8
        assert (paid.qty, beyond.reason) == (job.billed_ms, "cost_cap")
        assert (paid.dims["step_from"], paid.dims["step_to"], paid.dims["devices"]) == (0, 500, 8)

        _beat(lease, 2, 500, 900, ms=15_000 * 8, devices=8)
        job_finish(lease, News(step=900, total_steps=1000), piece=None, files={}, metrics={})
        assert job_cost_micro(access_job(job.id)) == cost_micro
        assert Reservation.objects.get(pk=job.reservation_id).spent_micro == cost_micro


def test_a_limit_that_buys_nothing_is_refused_before_anything_is_stored(acme: Place) -> None:
    with pytest.raises(InvalidRequest) as caught:
        job_make(acme, max_cost_micro=1)
    assert (caught.value.code, caught.value.param) == ("max_cost_too_low", "max_cost_micro")
    assert "set it to" in caught.value.message
    with acme.scope():
        assert not Job.objects.exists() and not Reservation.objects.exists()


def test_going_on_with_more_devices_sets_their_price_aside_first(acme: Place) -> None:
    job = job_make(acme)
    with acme.scope():
        lease = job_claimed("cpu_ms")
        for number in range(1, 12):
            _beat(lease, number, number - 1, number, ms=15_000)
        job_pause(access_job(job.id), caller=acme.caller)
        job_yield(lease, state=State.PAUSED, news=News(step=11, total_steps=1000))
        job_resume(access_job(job.id), caller=acme.caller)
        lease = job_claimed()
        # As it starts, before it has used any of them.
        assert _beat(lease, 1, 11, 11, ms=0, devices=8, resumed_step=11) == Desired.RUN
        job = access_job(job.id)
        ahead_micro = price_micro(job, "gpu_ms", 2 * 15_000 * 8)
        reserved_micro = Reservation.objects.get(pk=job.reservation_id).amount_micro
        assert reserved_micro >= job_cost_micro(job) + ahead_micro
        assert job.devices == 8


def test_several_devices_come_to_the_limit_that_much_sooner(acme: Place) -> None:
    for devices, wish in ((1, Desired.RUN), (8, Desired.FINISH)):
        job_make(acme, max_cost_micro=100_000)
        with acme.scope():
            lease = job_claimed()
            assert _beat(lease, 1, 0, 0, ms=0, devices=devices) == wish


def _paused_and_resumed(place: Place, lease: Lease) -> Lease:
    job = access_job(lease.job_id)
    job_pause(job, caller=place.caller)
    job_yield(lease, state=State.PAUSED, news=News(step=job.step, total_steps=1000))
    job_resume(access_job(job.id), caller=place.caller)
    return job_claimed()


def test_to_go_on_after_ones_own_pause_is_paid_and_takes_nothing_back(acme: Place) -> None:
    job = job_make(acme)
    with acme.scope():
        lease = job_claimed()
        _beat(lease, 1, 0, 10, ms=30_000, still_ms=20_000)
        lease = _paused_and_resumed(acme, lease)
        assert attempt_follows_pause(lease)
        clock = SliceClock()
        clock.start(resumed_step=10, is_start_billed=True)
        start = clock.cut(10)
        assert start is not None and (start.step_from, start.resumed_step) == (10, None)
        _beat(lease, 1, 10, 10, ms=6_000)
        _beat(lease, 2, 10, 20, ms=9_000, stood_ms=6_000)
        assert access_job(job.id).billed_ms == 45_000
        # A crash now: to begin again is on us, and so is the step that it undid.
        _beat(lease, 3, 20, 20, ms=2_000)
        job_fail(lease, code=Failure.WORKER_LOST)
        lease = job_claimed()
        assert not attempt_follows_pause(lease)
        _beat(lease, 1, 20, 20, ms=6_000, resumed_step=20)
        _beat(lease, 2, 20, 30, ms=9_000, stood_ms=6_000, resumed_step=20)
        assert access_job(job.id).billed_ms == 45_000 + 2_000 + 9_000 - 2_000


def test_pausing_after_every_step_does_not_train_for_nothing(acme: Place) -> None:
    job = job_make(acme)
    with acme.scope():
        lease = job_claimed()
        _beat(lease, 1, 0, 1, ms=60_000)
        for step in range(1, 5):
            lease = _paused_and_resumed(acme, lease)
            _beat(lease, 1, step, step + 1, ms=63_000, lead_ms=61_000, still_ms=2_000)
        assert access_job(job.id).billed_ms == 60_000 + 4 * 63_000


def test_free_first_steps_take_nothing_off_those_that_follow(acme: Place) -> None:
    job = job_make(acme, quote_first=True)
    with acme.scope():
        lease = job_claimed()
        _beat(lease, 1, 0, 20, ms=30_000, still_ms=10_000)
        assert access_job(job.id).billed_ms == 0
        lease = _paused_and_resumed(acme, lease)
        _beat(lease, 1, 20, 40, ms=30_000, lead_ms=5_000)
        assert access_job(job.id).billed_ms == 30_000
