"""One attempt at a job, with a real plugin process: trained, stopped, refused, failed, resumed."""

import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.utils import translation
from modelmill.core.models import Blob
from modelmill.metering.models import UsageEvent
from modelmill.registry.services import version_fetch
from modelmill.tenants.models import Tenant
from modelmill.training.manifests import job_manifest
from modelmill.training.models import Attempt, Checkpoint, Job, JobEvent
from modelmill.training.selectors import (
    access_job,
    checkpoints_kept,
    job_messages,
    job_peaks,
    job_samples,
)
from modelmill.training.services import (
    checkpoint_promote,
    job_cancel,
    job_finish_early,
    job_pause,
    job_resume,
    job_submit,
)
from modelmill.training.services.money import job_cost_micro
from modelmill.training.states import Desired, State

from tests.conftest import Place, place_make
from tests.making import fakes_publish, grain_make
from tests.processes import FAKES
from workers import looking
from workers.supervisor import train_all, train_next
from workers.supervisor.devices import memory_limit_mib
from workers.supervisor.draining import drain_ask, drain_forget


@pytest.fixture
def mill(transactional_db: None, settings: Any, tmp_path: Any) -> Iterator[Place]:
    """A tenant, the fake plugins, and beats quick enough to watch."""
    settings.MEDIA_ROOT = tmp_path / "storage"
    settings.PLUGIN_PATHS = [FAKES]
    settings.HEARTBEAT_S = 0.2
    settings.LEASE_S = 20
    settings.CHECKPOINT_EVERY_S = 60
    settings.PLUGIN_THREADS = 1
    fakes_publish()
    yield place_make("acme")
    drain_forget()


def _submit(
    place: Place,
    *,
    text: str = "corn\nbarley and rye\noats\n",
    max_cost_micro: int | None = None,
    **parameters: Any,
) -> Job:
    version = grain_make(place, text)
    with place.scope():
        return job_submit(
            caller=place.caller,
            plugin_id="fake-learner",
            training_ref=version.id,
            parameters=parameters,
            seed=7,
            max_cost_micro=max_cost_micro,
        )


def _now(place: Place, job: Job) -> Job:
    with place.scope():
        return access_job(job.id)


def _meanwhile(place: Place, job: Job, act: Callable[[Job], object]) -> threading.Thread:
    """Do something, in a thread, once the job has got to its third step."""

    def wait() -> None:
        with place.scope():
            while access_job(job.id).step < 3:
                time.sleep(0.05)
            act(access_job(job.id))
        connection.close()

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def _steps_billed(place: Place, job: Job) -> list[int]:
    with place.scope():
        events = UsageEvent.objects.filter(subject=job.id, billable=True)
        ranges = [(event.dims["step_from"], event.dims["step_to"]) for event in events]
    return sorted(step for start, end in ranges for step in range(start, end))


def _weights(place: Place, job: Job, folder: Any) -> bytes:
    with place.scope():
        version = access_job(job.id).model_version
        assert version is not None
        return (version_fetch(version, folder / job.id) / "weights.json").read_bytes()


def test_a_job_is_trained_shown_billed_and_published(mill) -> None:
    job = _submit(mill, steps=30, step_ms=20)
    assert train_all() == 1
    job = _now(mill, job)
    assert (job.state, job.step, job.total_steps) == (State.SUCCEEDED, 30, 30)
    assert _steps_billed(mill, job) == list(range(30))
    with mill.scope():
        assert job_samples(job)[0].message.startswith("weight ")
        assert JobEvent.objects.filter(kind="metrics").exists()
        assert job_messages(job)[0].message.endswith("completed.")
        assert job.model_version.metrics["weight"] > 0
        billed = UsageEvent.objects.filter(meter="cpu_ms")
        assert job.billed_ms == sum(event.qty for event in billed) > 400
        memory_mib, gpu_memory_mib = job_peaks(job)
    # Python alone has more, and no test has more than a machine.
    assert 5 < memory_mib <= memory_limit_mib()
    assert gpu_memory_mib == 0


def test_the_same_seed_gives_the_same_weights(mill, tmp_path) -> None:
    first, second = _submit(mill, steps=10), _submit(mill, steps=10)
    train_all()
    assert _weights(mill, first, tmp_path) == _weights(mill, second, tmp_path)


def test_a_paused_job_goes_on_from_its_checkpoint_to_the_same_weights(mill, tmp_path) -> None:
    whole, paused = _submit(mill, steps=40), _submit(mill, steps=40, step_ms=25)
    assert train_next()
    thread = _meanwhile(mill, paused, lambda job: job_pause(job, caller=mill.caller))
    assert train_next()
    thread.join()
    job = _now(mill, paused)
    assert (job.state, job.attempt) == (State.PAUSED, 0)
    with mill.scope():
        assert Checkpoint.objects.get(job=job).step == job.step > 0
        job_resume(job, caller=mill.caller)
    assert train_next()
    assert _now(mill, paused).state == State.SUCCEEDED
    assert _weights(mill, whole, tmp_path) == _weights(mill, paused, tmp_path)
    assert _steps_billed(mill, paused) == list(range(40))


def test_a_job_is_finished_early_with_a_model(mill, tmp_path) -> None:
    job = _submit(mill, steps=5_000, step_ms=20)
    thread = _meanwhile(mill, job, lambda job: job_finish_early(job, caller=mill.caller))
    assert train_next()
    thread.join()
    job = _now(mill, job)
    assert (job.state, job.early_end, job.error_code) == (State.SUCCEEDED, "asked", "")
    assert 3 <= job.step < 5_000
    assert _weights(mill, job, tmp_path)
    assert _steps_billed(mill, job) == list(range(job.step))


def test_a_paused_job_is_finished_from_its_checkpoint(mill, tmp_path) -> None:
    job = _submit(mill, steps=5_000, step_ms=20)
    thread = _meanwhile(mill, job, lambda job: job_pause(job, caller=mill.caller))
    assert train_next()
    thread.join()
    paused = _now(mill, job)
    with mill.scope():
        assert job_finish_early(paused, caller=mill.caller).state == State.QUEUED
    assert train_next()
    job = _now(mill, job)
    assert (job.state, job.step) == (State.SUCCEEDED, paused.step)
    assert _weights(mill, job, tmp_path)


def test_a_checkpoint_of_a_finished_job_becomes_the_model_it_was(mill, settings, tmp_path) -> None:
    settings.CHECKPOINT_EVERY_S = 0.2
    origin = _submit(mill, steps=60, step_ms=20)
    train_next()
    with mill.scope():
        checkpoint = list(checkpoints_kept(_now(mill, origin)))[-1]
        job = checkpoint_promote(checkpoint, caller=mill.caller)
    assert train_next()
    job = _now(mill, job)
    assert (job.state, job.early_end, job.step) == (State.SUCCEEDED, "kept", checkpoint.step)
    # As if the training had been that long; and nobody pays for its steps a second time.
    short = _submit(mill, steps=checkpoint.step)
    train_next()
    assert _weights(mill, job, tmp_path) == _weights(mill, short, tmp_path)
    assert _steps_billed(mill, job) == []
    with mill.scope():
        assert job_cost_micro(job) == 0


def test_a_worker_that_ends_changes_no_model_of_a_checkpoint(mill, settings) -> None:
    settings.CHECKPOINT_EVERY_S = 0.2
    origin = _submit(mill, steps=60, step_ms=20)
    train_next()
    with mill.scope():
        checkpoint = list(checkpoints_kept(_now(mill, origin)))[-1]
        job = checkpoint_promote(checkpoint, caller=mill.caller)
    drain_ask()
    train_next()
    assert _now(mill, job).state == State.QUEUED
    with mill.scope():
        assert [row.step for row in checkpoints_kept(job)] == [checkpoint.step]
    drain_forget()
    train_next()
    job = _now(mill, job)
    assert (job.state, job.model_version.step) == (State.SUCCEEDED, checkpoint.step)


def test_a_plugin_that_trains_on_makes_no_model_of_a_checkpoint(mill, settings) -> None:
    settings.CHECKPOINT_EVERY_S = 0.1
    origin = _submit(mill, steps=40, step_ms=20, do="stubborn")
    train_next()
    with mill.scope():
        oldest = list(checkpoints_kept(_now(mill, origin)))[-1]
        job = checkpoint_promote(oldest, caller=mill.caller)
    train_next()
    job = _now(mill, job)
    assert (job.state, job.error_code) == (State.FAILED, "plugin_error")
    assert "trained on" in job.error_message


def test_a_damaged_checkpoint_makes_no_model(mill, settings) -> None:
    settings.CHECKPOINT_EVERY_S = 0.1
    origin = _submit(mill, steps=20, step_ms=20)
    train_next()
    with mill.scope():
        checkpoint = checkpoints_kept(_now(mill, origin))[0]
        job = checkpoint_promote(checkpoint, caller=mill.caller)
        (settings.MEDIA_ROOT / checkpoint.blob.path).write_bytes(b"not what was stored")
    train_next()
    job = _now(mill, job)
    assert (job.state, job.error_code) == (State.FAILED, "plugin_error")
    assert "damaged" in job.error_message


def test_a_worker_that_ends_hands_the_wish_to_finish_on(mill) -> None:
    job = _submit(mill, steps=5_000, step_ms=20, do="stubborn")

    def leave(job: Job) -> None:
        job_finish_early(job, caller=mill.caller)
        drain_ask()

    thread = _meanwhile(mill, job, leave)
    assert train_next()
    thread.join()
    job = _now(mill, job)
    assert (job.state, job.desired_state) == (State.QUEUED, Desired.FINISH)


def test_what_the_whole_is_expected_to_cost_is_told_and_kept(mill) -> None:
    job = _submit(mill, steps=120, step_ms=10)
    train_next()
    done = _now(mill, job)
    assert done.state == State.SUCCEEDED and 20 <= done.quote_step < 120
    with mill.scope():
        cost_micro = job_cost_micro(done)
        assert 0.5 * cost_micro < done.quote_micro < 2 * cost_micro
        assert JobEvent.objects.filter(message__contains="expected to cost about").count() == 1
    shape = mill.api.get(f"/v1/fine_tuning/jobs/{job.id}").json()
    assert shape["x_quote"]["amount_micro"] == done.quote_micro


def test_at_its_cost_limit_a_job_is_finished_and_never_costs_more(mill, settings) -> None:
    # A CPU's hour is 240,000 micro: the limit is 4.5 seconds, of which two beats are kept.
    job = _submit(mill, steps=5_000, step_ms=20, max_cost_micro=300)
    assert train_next()
    job = _now(mill, job)
    assert (job.state, job.early_end) == (State.SUCCEEDED, "cost_cap")
    with mill.scope():
        assert 200 < job_cost_micro(job) <= 300
        assert JobEvent.objects.filter(message__contains="cost limit", level="warn").exists()


def test_a_plugin_that_does_not_finish_at_the_limit_is_ended_unbilled(mill, settings) -> None:
    settings.FINISH_WITHIN_S = 2
    job = _submit(mill, steps=5_000, step_ms=20, max_cost_micro=60, do="stubborn")
    assert train_next()
    job = _now(mill, job)
    assert (job.state, job.error_code) == (State.FAILED, "cost_cap")
    with mill.scope():
        assert job_cost_micro(job) <= 60
        free = UsageEvent.objects.filter(subject=job.id, billable=False)
        assert {event.reason for event in free} == {"cost_cap"}


def test_a_cancelled_job_stops_and_keeps_what_was_done(mill) -> None:
    job = _submit(mill, steps=5_000, step_ms=20)
    thread = _meanwhile(mill, job, lambda job: job_cancel(job, caller=mill.caller))
    train_next()
    thread.join()
    job = _now(mill, job)
    assert (job.state, job.error_code) == (State.CANCELLED, "cancelled")
    assert _steps_billed(mill, job) == list(range(job.step))


def test_a_worker_that_ends_gives_its_job_back_with_a_checkpoint(mill) -> None:
    job = _submit(mill, steps=5_000, step_ms=20)
    thread = _meanwhile(mill, job, lambda job: drain_ask())
    assert train_all() == 1
    thread.join()
    job = _now(mill, job)
    assert (job.state, job.attempt) == (State.QUEUED, 0)
    with mill.scope():
        assert Checkpoint.objects.get(job=job).step > 0


def test_a_job_makes_room_with_a_checkpoint_and_goes_on_with_the_next_worker(mill) -> None:
    job = _submit(mill, steps=60, step_ms=20)
    with mill.scope():
        ask = Job.objects.filter(pk=job.pk)
    thread = _meanwhile(mill, job, lambda job: ask.update(desired_state=Desired.YIELD))
    train_next()
    thread.join()
    waiting = _now(mill, job)
    assert (waiting.state, waiting.attempt, waiting.desired_state) == (State.QUEUED, 0, Desired.RUN)
    with mill.scope():
        assert Checkpoint.objects.get(job=job).step >= waiting.billed_through_step
    train_next()
    assert (_now(mill, job).state, _now(mill, job).step) == (State.SUCCEEDED, 60)
    assert _steps_billed(mill, job) == list(range(60))


def test_an_attempt_that_is_behind_the_last_one_bills_nothing_done_before(mill) -> None:
    job = _submit(mill, steps=40, step_ms=20, slow_start_ms=1_000)
    thread = _meanwhile(mill, job, lambda job: drain_ask())
    train_all()
    thread.join()
    drain_forget()
    with mill.scope():
        resumed = Checkpoint.objects.get(job=job).step
        # As after a crash: more was reported, and billed, than the checkpoint knows of.
        Job.objects.update(step=resumed + 10, billed_through_step=resumed + 10, next_run_at=Now())
        before = set(UsageEvent.objects.values_list("pk", flat=True))
    train_next()
    with mill.scope():
        rows = UsageEvent.objects.exclude(pk__in=before).filter(meter="cpu_ms", subject=job.id)
        assert access_job(job.id).state == State.SUCCEEDED
        billed = [row for row in rows if row.billable]
        assert min(row.dims["step_from"] for row in billed) == resumed + 10
        # The wait before the first step, and the steps done again, are proved and free.
        assert not any(row.billable for row in rows if row.dims["step_to"] <= resumed + 10)


def test_what_a_worker_says_is_stored_in_english_and_read_in_any_language(mill) -> None:
    Tenant.objects.update(language="zh-hans")
    job = _submit(mill, steps=20, do="crash", at=5)
    with mill.scope():
        Job.objects.update(max_attempts=1)
    train_next()
    job = _now(mill, job)
    assert job.error_message == "" and job.failure.startswith("The plugin's process")
    with mill.scope():
        lines = list(job_messages(job))
    assert any(line.message.startswith("Training started") for line in lines)
    with translation.override("zh-hans"):
        assert any("训练" in line.said for line in lines)


def test_data_the_plugin_refuses_costs_nothing(mill) -> None:
    job = _submit(mill, text="chaff\n" * 3 + "corn\n")
    train_next()
    job = _now(mill, job)
    assert (job.state, job.error_code) == (State.FAILED, "dataset_invalid")
    assert "This row is chaff. Take it out." in job.error_message
    with mill.scope():
        assert not UsageEvent.objects.filter(subject=job.id).exists()


def test_a_crashed_plugin_is_tried_again(mill) -> None:
    job = _submit(mill, steps=20, do="crash", at=5)
    train_next()
    job = _now(mill, job)
    assert (job.state, job.attempt) == (State.QUEUED, 1)
    with mill.scope():
        assert "SIGKILL" in Attempt.objects.get(job=job).detail


@pytest.mark.parametrize(
    ("do", "code"),
    [
        ("nan", "nan_loss"),
        ("pickle", "plugin_error"),
        ("leave", "plugin_error"),
        ("link", "plugin_error"),
        ("chatter", "dataset_invalid"),
    ],
)
def test_a_job_that_goes_wrong_fails_with_its_reason(mill, settings, do, code) -> None:
    if do == "link":
        settings.CHECKPOINT_EVERY_S = 0
    job = _submit(mill, steps=3_000 if do == "nan" else 5, step_ms=5, do=do)
    train_next()
    job = _now(mill, job)
    assert (job.state, job.error_code) == (State.FAILED, code)
    with mill.scope():
        assert not Blob.objects.filter(media_type="application/x-tar").exists()


def test_folders_deeper_than_python_goes_are_cleared_away(mill, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    tmp_path.chmod(0o755)
    job = _submit(mill, steps=5, do="burrow")
    train_next()
    # Done, or ended for what it wrote, if that was seen first.
    assert _now(mill, job).state in (State.SUCCEEDED, State.QUEUED)
    assert not list(tmp_path.glob("modelmill-train-*"))


def test_a_plugin_that_never_ends_looking_at_the_data_is_ended(mill, settings) -> None:
    settings.TRAIN_MAX_S = 1
    job = _submit(mill, do="ponder")
    train_next()
    job = _now(mill, job)
    assert (job.state, job.error_code) == (State.FAILED, "timeout")
    with mill.scope():
        assert not UsageEvent.objects.filter(subject=job.id).exists()


def test_a_worker_whose_job_was_taken_stops_its_plugin_and_writes_nothing(mill) -> None:
    job = _submit(mill, steps=5_000, step_ms=20)

    def take(job: Job) -> None:
        Job.objects.filter(pk=job.pk).update(fence=job.fence + 1, lease_owner="another")

    thread = _meanwhile(mill, job, take)
    train_next()
    thread.join()
    after = _now(mill, job)
    assert (after.state, after.lease_owner) == (State.RUNNING, "another")
    time.sleep(0.5)
    assert _now(mill, job).step == after.step


def test_training_again_from_a_manifest_gives_the_same_weights(mill, tmp_path) -> None:
    first = _submit(mill, steps=10)
    assert train_all() == 1
    with mill.scope():
        told = job_manifest(access_job(first.id))
        again = job_submit(
            caller=mill.caller,
            plugin_id=told["plugin"]["id"],
            training_ref=told["training_data"]["id"],
            parameters=told["parameters"],
            seed=told["seed"],
        )
    assert train_all() == 1
    with mill.scope():
        second = job_manifest(access_job(again.id))
    assert told["model"]["files"] == second["model"]["files"]
    assert "weights.json" in told["model"]["files"]
    (attempt,) = told["attempts"]
    assert attempt["environment"] == second["attempts"][0]["environment"]
    assert {"python", "torch", "numpy", "modelmill-sdk", "processor"} <= set(attempt["environment"])
    assert attempt["threads"] == second["attempts"][0]["threads"] == 1


def test_a_plugin_that_is_gone_is_looked_for_at_once_and_tried_again(
    mill, settings, monkeypatch
) -> None:
    rung: list[str] = []
    monkeypatch.setattr(looking, "_asked_at", [])
    monkeypatch.setattr(looking, "ring", lambda task, payload: rung.append(task) or True)
    first, second = _submit(mill, steps=3), _submit(mill, steps=3)
    # Uninstalled, or broken: no process of a plugin finds it any more.
    settings.PLUGIN_PATHS = []
    assert train_all() == 2
    # Once, however many jobs meet it.
    assert rung == ["workers.tasks.catalog.describe"]
    for job in (first, second):
        job = _now(mill, job)
        assert (job.state, job.error_code) == (State.QUEUED, "")
        with mill.scope():
            assert "tried again" in job_messages(job)[0].message
            assert "No plugin 'fake-learner'" in Attempt.objects.filter(job=job).get().detail

    settings.PLUGIN_PATHS = [FAKES]
    with mill.scope():
        Job.objects.update(next_run_at=Now())
    assert train_all() == 2
    assert {_now(mill, job).state for job in (first, second)} == {State.SUCCEEDED}


def test_a_plugin_that_stays_away_is_said_to_be_and_nothing_is_charged(
    mill, settings, monkeypatch
) -> None:
    monkeypatch.setattr(looking, "ring", lambda task, payload: True)
    job = _submit(mill, steps=3)
    settings.PLUGIN_PATHS = []
    for _ in range(job.max_attempts):
        with mill.scope():
            Job.objects.update(next_run_at=Now())
        train_all()
    job = _now(mill, job)
    assert (job.state, job.error_code) == (State.FAILED, "plugin_missing")
    assert _steps_billed(mill, job) == []
