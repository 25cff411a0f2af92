"""What else goes wrong: clocks, disks, damaged checkpoints, and jobs that kill their workers."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from modelmill.core.doorbell import app
from modelmill.core.models import OutboxMessage
from modelmill.core.outbox import outbox_add
from modelmill.training.models import Attempt, Checkpoint, JobEvent
from modelmill.training.selectors import access_job
from modelmill.training.services import job_resume, jobs_sweep

from tests.faults.conftest import FULL, QUICK, Mill, suite_on
from tests.faults.forked import KILLED, Forked
from tests.faults.holding import books_hold, jobs_hold, storage_holds
from tests.faults.test_killed_in_training import BUSY, messages_go, time_passes, wait_over
from tests.processes import worker_environment, worker_running

pytestmark = pytest.mark.fault

STEPS = 8
HOUR_S = 3600
CLOCK = Path(__file__).parent / "clock_apart"


def _said(mill: Mill, words: str) -> bool:
    with mill.place.scope():
        return JobEvent.objects.filter(message__contains=words).exists()


def _until(is_true: Any, worker: Forked) -> None:
    deadline = time.monotonic() + 60
    while not is_true():
        assert time.monotonic() < deadline, worker.log()
        time.sleep(0.05)


@suite_on("sqlite")
@pytest.mark.parametrize("apart_s", [HOUR_S, -HOUR_S] if FULL else [HOUR_S])
def test_a_workers_clock_that_is_an_hour_off_changes_nothing(mill, held, apart_s) -> None:
    with held(f"a worker's clock {apart_s:+d} s"):
        jobs = [mill.submit(steps=STEPS) for _ in range(2)]
        paths = worker_environment(redis_url="")["PYTHONPATH"]
        began = datetime.now(UTC)
        clock = {"PYTHONPATH": f"{CLOCK}{os.pathsep}{paths}", "CLOCK_APART_S": str(apart_s)}
        with worker_running(
            "train,control", redis_url=mill.redis_url, **{**QUICK, **clock}
        ) as worker:
            deadline = time.monotonic() + 60
            while not all(mill.job(job).is_over for job in jobs):
                assert time.monotonic() < deadline, worker.log()
                jobs_sweep()
                time.sleep(0.1)
            apart = timedelta(seconds=apart_s)
            hours = {f"{at + apart:%Y-%m-%dT%H}" for at in (began, datetime.now(UTC))}
            assert any(hour in worker.log() for hour in hours)
            # A ring of the beat, and a message for its relay, are not too old for it.
            outbox_add("workers.tasks.outbox.relay", key="late", payload={}, delay_s=-9)
            app.send_task("workers.tasks.outbox.relay", expires=7205, ignore_result=True)
            while OutboxMessage.objects.filter(sent_at=None).exists():
                assert time.monotonic() < deadline, worker.log()
                time.sleep(0.05)
        jobs_hold(mill.place, jobs, steps=STEPS)
        books_hold(mill.place)
        with mill.place.scope():
            # By the database's clock: nobody's attempt began or ended in another hour.
            for attempt in Attempt.objects.all():
                assert abs((attempt.ended_at - jobs[0].created_at).total_seconds()) < 300


@pytest.fixture
def small_disk(settings: Any, tmp_path: Path) -> Iterator[Path]:
    """A disk of one MiB for what the mill stores; for root alone, aloud for others."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("DISK FULL SKIPPED: only root can mount a small disk.")
    if subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("DISK FULL SKIPPED: a small disk cannot be mounted here.")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


@suite_on("sqlite")
def test_a_full_disk_at_a_checkpoint_costs_the_checkpoint_and_not_the_job(
    mill, forks, held, small_disk, settings
) -> None:
    with held("disk full at a checkpoint"):
        settings.MEDIA_ROOT = small_disk
        job = mill.submit(steps=60, step_ms=100)
        ballast = small_disk / "ballast"
        free = shutil.disk_usage(small_disk).free
        ballast.write_bytes(b"x" * (free - 8192))
        worker = forks.worker(settings={**BUSY, "MEDIA_ROOT": str(small_disk)})
        _until(lambda: _said(mill, "could not be stored"), worker)
        ballast.unlink()
        wait_over(mill, [job], worker)
        messages_go()
        jobs_hold(mill.place, [job], steps=60)
        with mill.place.scope():
            assert Attempt.objects.count() == 1
            assert Checkpoint.objects.exists()
        books_hold(mill.place)
        forks.reap()
        storage_holds()


@suite_on("postgresql")
def test_a_damaged_checkpoint_is_given_up_for_the_one_before(mill, forks, held) -> None:
    with held("the newest checkpoint is damaged"):
        undisturbed, job = mill.submit(steps=STEPS), mill.submit(steps=STEPS)
        first = forks.worker(plan="checkpoint.after_commit@12", settings=BUSY)
        assert first.wait() == KILLED, first.log()
        with mill.place.scope():
            whole, damaged = Checkpoint.objects.filter(job=job, blob__isnull=False).order_by("step")
            path = Path(default_storage.path(damaged.blob.path))
            path.write_bytes(path.read_bytes()[:-1] + b"!")
        time_passes(mill)
        wait_over(mill, [undisturbed, job], forks.worker(settings=BUSY))
        messages_go()
        with mill.place.scope():
            last = Attempt.objects.filter(job=job).order_by("fence").last()
            assert last.resumed_step == whole.step == damaged.step - 1
        assert _said(mill, f"checkpoint of step {damaged.step} is damaged")
        assert mill.weights(job) == mill.weights(undisturbed)
        jobs_hold(mill.place, [job], steps=STEPS)
        storage_holds()


@suite_on("postgresql")
def test_a_job_that_kills_its_workers_fails_after_three(mill, forks, held) -> None:
    with held("a job that kills its workers"):
        job = mill.submit(steps=STEPS)
        for _ in range(3):
            worker = forks.worker(plan="attempt.before_spawn", settings=BUSY)
            assert worker.wait() == KILLED, worker.log()
            time_passes(mill)
        now = mill.job(job)
        assert (now.state, now.error_code, now.attempt) == ("failed", "worker_lost", 3)
        # And the fourth worker has nothing to do with it.
        idle = forks.worker(plan="claim.swapped", settings=BUSY)
        other = mill.submit(steps=STEPS)
        assert idle.wait() == KILLED
        with mill.place.scope():
            assert Attempt.objects.filter(job=job).count() == 3
            assert access_job(other.id).state == "queued"
        books_hold(mill.place)


@suite_on("sqlite")
def test_a_worker_that_dies_while_it_drains_costs_nothing_but_time(mill, forks, held) -> None:
    with held("yield.before_commit"):
        undisturbed = mill.submit(steps=40)
        job = mill.submit(steps=40, step_ms=150)
        worker = forks.worker(plan="yield.before_commit", settings=BUSY)
        _until(lambda: mill.job(job).step > 2, worker)
        worker.signal(signal.SIGTERM)
        assert worker.wait() == KILLED, worker.log()
        time_passes(mill)
        wait_over(mill, [undisturbed, job], forks.worker(settings=BUSY))
        messages_go()
        assert mill.weights(job) == mill.weights(undisturbed)
        jobs_hold(mill.place, [undisturbed, job], steps=40)
        books_hold(mill.place)


@pytest.mark.parametrize(
    "plan",
    ["train.stepped@5", "checkpoint.stored", "yield.before_commit"]
    if FULL
    else ["checkpoint.stored"],
)
@suite_on("postgresql")
def test_a_worker_that_dies_over_a_quote_leaves_it_free(mill, forks, held, plan) -> None:
    with held("a kill while a job is quoted"):
        job = mill.submit(steps=80, step_ms=20, quote_first=True)
        worker = forks.worker(plan=plan, settings=BUSY)
        assert worker.wait() == KILLED, worker.log()
        time_passes(mill)
        undisturbed = mill.submit(steps=80)
        worker = forks.worker(settings=BUSY)
        _until(lambda: mill.job(job).awaits_word, worker)
        assert mill.job(job).billed_ms == 0 < mill.job(job).quote_micro
        with mill.place.scope():
            job_resume(mill.job(job), caller=mill.place.caller)
        messages_go()
        wait_over(mill, [undisturbed, job], worker)
        assert mill.weights(job) == mill.weights(undisturbed)
        jobs_hold(mill.place, [undisturbed, job], steps=80)
        books_hold(mill.place)
