"""One attempt at a job, with a real plugin process: trained, stopped, handed on, resumed."""

import time

from django.db.models.functions import Now
from django.utils import translation
from modelmill.metering.models import UsageEvent
from modelmill.tenants.models import Tenant
from modelmill.training.manifests import job_manifest
from modelmill.training.models import Checkpoint, Job, JobEvent
from modelmill.training.selectors import (
    access_job,
    job_messages,
    job_peaks,
    job_samples,
)
from modelmill.training.services import (
    job_cancel,
    job_finish_early,
    job_pause,
    job_resume,
    job_submit,
)
from modelmill.training.services.money import job_cost_micro
from modelmill.training.states import Desired, State

from tests.workers.learner import job_make, job_now, meanwhile, steps_billed, weights
from workers.supervisor import train_all, train_next
from workers.supervisor.devices import memory_limit_mib
from workers.supervisor.draining import drain_ask, drain_forget


def test_a_job_is_trained_shown_billed_and_published(mill) -> None:
    job = job_make(mill, steps=30, step_ms=20)
    assert train_all() == 1
    job = job_now(mill, job)
    assert (job.state, job.step, job.total_steps) == (State.SUCCEEDED, 30, 30)
    assert steps_billed(mill, job) == list(range(30))
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
    first, second = job_make(mill, steps=10), job_make(mill, steps=10)
    train_all()
    assert weights(mill, first, tmp_path) == weights(mill, second, tmp_path)


def test_a_paused_job_goes_on_from_its_checkpoint_to_the_same_weights(mill, tmp_path) -> None:
    whole, paused = job_make(mill, steps=120), job_make(mill, steps=120, step_ms=25)
    assert train_next()
    thread = meanwhile(mill, paused, lambda job: job_pause(job, caller=mill.caller))
    assert train_next()
    thread.join()
    job = job_now(mill, paused)
    assert (job.state, job.attempt) == (State.PAUSED, 0)
    with mill.scope():
        assert Checkpoint.objects.get(job=job).step == job.step > 0
        job_resume(job, caller=mill.caller)
    assert train_next()
    assert job_now(mill, paused).state == State.SUCCEEDED
    assert weights(mill, whole, tmp_path) == weights(mill, paused, tmp_path)
    assert steps_billed(mill, paused) == list(range(120))


def test_a_job_is_finished_early_with_a_model(mill, tmp_path) -> None:
    job = job_make(mill, steps=5_000, step_ms=20)
    thread = meanwhile(mill, job, lambda job: job_finish_early(job, caller=mill.caller))
    assert train_next()
    thread.join()
    job = job_now(mill, job)
    assert (job.state, job.early_end, job.error_code) == (State.SUCCEEDED, "asked", "")
    assert 3 <= job.step < 5_000
    assert weights(mill, job, tmp_path)
    assert steps_billed(mill, job) == list(range(job.step))


def test_a_paused_job_is_finished_from_its_checkpoint(mill, tmp_path) -> None:
    job = job_make(mill, steps=5_000, step_ms=20)
    thread = meanwhile(mill, job, lambda job: job_pause(job, caller=mill.caller))
    assert train_next()
    thread.join()
    paused = job_now(mill, job)
    with mill.scope():
        assert job_finish_early(paused, caller=mill.caller).state == State.QUEUED
    assert train_next()
    job = job_now(mill, job)
    assert (job.state, job.step) == (State.SUCCEEDED, paused.step)
    assert weights(mill, job, tmp_path)


def test_a_worker_that_ends_hands_the_wish_to_finish_on(mill) -> None:
    job = job_make(mill, steps=5_000, step_ms=20, do="stubborn")

    def leave(job: Job) -> None:
        job_finish_early(job, caller=mill.caller)
        drain_ask()

    thread = meanwhile(mill, job, leave)
    assert train_next()
    thread.join()
    job = job_now(mill, job)
    assert (job.state, job.desired_state) == (State.QUEUED, Desired.FINISH)


def test_what_the_whole_is_expected_to_cost_is_told_and_kept(mill) -> None:
    job = job_make(mill, steps=300, step_ms=10)
    train_next()
    done = job_now(mill, job)
    assert done.state == State.SUCCEEDED and 12 <= done.quote_step < 300
    with mill.scope():
        cost_micro = job_cost_micro(done)
        assert 0.1 * cost_micro < done.quote_micro < 10 * cost_micro
        assert JobEvent.objects.filter(message__contains="expected to cost about").count() == 1
    shape = mill.api.get(f"/v1/fine_tuning/jobs/{job.id}").json()
    assert shape["x_quote"]["amount_micro"] == done.quote_micro


def test_at_its_cost_limit_a_job_is_finished_and_never_costs_more(mill, settings) -> None:
    # A CPU's hour is 240,000 micro: the limit is 4.5 seconds, of which two beats are kept.
    job = job_make(mill, steps=5_000, step_ms=20, max_cost_micro=300)
    assert train_next()
    job = job_now(mill, job)
    assert (job.state, job.early_end) == (State.SUCCEEDED, "cost_cap")
    with mill.scope():
        assert 200 < job_cost_micro(job) <= 300
        assert JobEvent.objects.filter(message__contains="cost limit", level="warn").exists()


def test_at_the_longest_time_a_job_is_finished_with_a_model(mill, settings, tmp_path) -> None:
    job = job_make(mill, steps=5_000, step_ms=20)
    thread = meanwhile(mill, job, lambda job: job_pause(job, caller=mill.caller))
    assert train_next()
    thread.join()
    paused = job_now(mill, job)
    # Looking at the data has as much time as the training, so not less on a busy machine.
    settings.TRAIN_MAX_S = paused.billed_ms / 1000 + 5
    with mill.scope():
        job_resume(paused, caller=mill.caller)
    assert train_next()
    job = job_now(mill, job)
    assert (job.state, job.early_end, job.error_code) == (State.SUCCEEDED, "time_cap", "")
    assert paused.step < job.step < 5_000 and weights(mill, job, tmp_path)
    # The pause has not begun the time anew.
    assert paused.billed_ms > 0 and job.billed_ms - paused.billed_ms < 15_000
    with mill.scope():
        said = JobEvent.objects.filter(job=job).values_list("code", flat=True)
        assert "at_time_limit" in set(said)


def test_a_plugin_that_does_not_finish_in_time_is_ended(mill, settings) -> None:
    settings.TRAIN_MAX_S, settings.FINISH_WITHIN_S = 10, 1
    job = job_make(mill, steps=5_000, step_ms=20, do="stubborn")
    assert train_next()
    job = job_now(mill, job)
    assert (job.state, job.error_code) == (State.FAILED, "timeout")
    assert job.billed_ms > 10_000


def test_a_plugin_that_does_not_finish_at_the_limit_is_ended_unbilled(mill, settings) -> None:
    settings.FINISH_WITHIN_S = 2
    job = job_make(mill, steps=5_000, step_ms=20, max_cost_micro=60, do="stubborn")
    assert train_next()
    job = job_now(mill, job)
    assert (job.state, job.error_code) == (State.FAILED, "cost_cap")
    with mill.scope():
        assert job_cost_micro(job) <= 60
        free = UsageEvent.objects.filter(subject=job.id, billable=False)
        assert {event.reason for event in free} == {"cost_cap"}


def test_a_cancelled_job_stops_and_keeps_what_was_done(mill) -> None:
    job = job_make(mill, steps=5_000, step_ms=20)
    thread = meanwhile(mill, job, lambda job: job_cancel(job, caller=mill.caller))
    train_next()
    thread.join()
    job = job_now(mill, job)
    assert (job.state, job.error_code) == (State.CANCELLED, "cancelled")
    assert steps_billed(mill, job) == list(range(job.step))


def test_a_worker_that_ends_gives_its_job_back_with_a_checkpoint(mill) -> None:
    job = job_make(mill, steps=5_000, step_ms=20)
    thread = meanwhile(mill, job, lambda job: drain_ask())
    assert train_all() == 1
    thread.join()
    job = job_now(mill, job)
    assert (job.state, job.attempt) == (State.QUEUED, 0)
    with mill.scope():
        assert Checkpoint.objects.get(job=job).step > 0


def test_a_job_makes_room_with_a_checkpoint_and_goes_on_with_the_next_worker(mill) -> None:
    job = job_make(mill, steps=150, step_ms=20)
    with mill.scope():
        ask = Job.objects.filter(pk=job.pk)
    thread = meanwhile(mill, job, lambda job: ask.update(desired_state=Desired.YIELD))
    train_next()
    thread.join()
    waiting = job_now(mill, job)
    assert (waiting.state, waiting.attempt, waiting.desired_state) == (State.QUEUED, 0, Desired.RUN)
    with mill.scope():
        assert Checkpoint.objects.get(job=job).step >= waiting.billed_through_step
    train_next()
    assert (job_now(mill, job).state, job_now(mill, job).step) == (State.SUCCEEDED, 150)
    assert steps_billed(mill, job) == list(range(150))


def test_an_attempt_that_is_behind_the_last_one_bills_nothing_done_before(mill) -> None:
    job = job_make(mill, steps=150, step_ms=20, slow_start_ms=1_000)
    thread = meanwhile(mill, job, lambda job: drain_ask())
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
    job = job_make(mill, steps=20, do="crash", at=5)
    with mill.scope():
        Job.objects.update(max_attempts=1)
    train_next()
    job = job_now(mill, job)
    assert job.error_message == "" and job.failure.startswith("The plugin's process")
    with mill.scope():
        lines = list(job_messages(job))
    assert any(line.message.startswith("Training started") for line in lines)
    with translation.override("zh-hans"):
        assert any("训练" in line.said for line in lines)


def test_a_worker_whose_job_was_taken_stops_its_plugin_and_writes_nothing(mill) -> None:
    job = job_make(mill, steps=5_000, step_ms=20)

    def take(job: Job) -> None:
        Job.objects.filter(pk=job.pk).update(fence=job.fence + 1, lease_owner="another")

    thread = meanwhile(mill, job, take)
    train_next()
    thread.join()
    after = job_now(mill, job)
    assert (after.state, after.lease_owner) == (State.RUNNING, "another")
    time.sleep(0.5)
    assert job_now(mill, job).step == after.step


def test_training_again_from_a_manifest_gives_the_same_weights(mill, tmp_path) -> None:
    first = job_make(mill, steps=10)
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
