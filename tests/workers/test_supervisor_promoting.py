"""A checkpoint of a finished job made a model, by a real plugin process."""

from modelmill.training.selectors import (
    checkpoints_kept,
)
from modelmill.training.services import (
    checkpoint_promote,
)
from modelmill.training.services.money import job_cost_micro
from modelmill.training.states import State

from tests.workers.learner import job_make, job_now, steps_billed, weights
from workers.supervisor import train_next
from workers.supervisor.draining import drain_ask, drain_forget


def test_a_checkpoint_of_a_finished_job_becomes_the_model_it_was(mill, settings, tmp_path) -> None:
    settings.CHECKPOINT_EVERY_S = 0.2
    origin = job_make(mill, steps=60, step_ms=20)
    train_next()
    with mill.scope():
        checkpoint = list(checkpoints_kept(job_now(mill, origin)))[-1]
        job = checkpoint_promote(checkpoint, caller=mill.caller)
    assert train_next()
    job = job_now(mill, job)
    assert (job.state, job.early_end, job.step) == (State.SUCCEEDED, "kept", checkpoint.step)
    # As if the training had been that long; and nobody pays for its steps a second time.
    short = job_make(mill, steps=checkpoint.step)
    train_next()
    assert weights(mill, job, tmp_path) == weights(mill, short, tmp_path)
    assert steps_billed(mill, job) == []
    with mill.scope():
        assert job_cost_micro(job) == 0


def test_a_worker_that_ends_changes_no_model_of_a_checkpoint(mill, settings) -> None:
    settings.CHECKPOINT_EVERY_S = 0.2
    origin = job_make(mill, steps=60, step_ms=20)
    train_next()
    with mill.scope():
        checkpoint = list(checkpoints_kept(job_now(mill, origin)))[-1]
        job = checkpoint_promote(checkpoint, caller=mill.caller)
    drain_ask()
    train_next()
    assert job_now(mill, job).state == State.QUEUED
    with mill.scope():
        assert [row.step for row in checkpoints_kept(job)] == [checkpoint.step]
    drain_forget()
    train_next()
    job = job_now(mill, job)
    assert (job.state, job.model_version.step) == (State.SUCCEEDED, checkpoint.step)


def test_a_plugin_that_trains_on_makes_no_model_of_a_checkpoint(mill, settings) -> None:
    settings.CHECKPOINT_EVERY_S = 0.1
    origin = job_make(mill, steps=40, step_ms=20, do="stubborn")
    train_next()
    with mill.scope():
        oldest = list(checkpoints_kept(job_now(mill, origin)))[-1]
        job = checkpoint_promote(oldest, caller=mill.caller)
    train_next()
    job = job_now(mill, job)
    assert (job.state, job.error_code) == (State.FAILED, "plugin_error")
    assert "trained on" in job.error_message


def test_a_damaged_checkpoint_makes_no_model(mill, settings) -> None:
    settings.CHECKPOINT_EVERY_S = 0.1
    origin = job_make(mill, steps=20, step_ms=20)
    train_next()
    with mill.scope():
        checkpoint = checkpoints_kept(job_now(mill, origin))[0]
        job = checkpoint_promote(checkpoint, caller=mill.caller)
        (settings.MEDIA_ROOT / checkpoint.blob.path).write_bytes(b"not what was stored")
    train_next()
    job = job_now(mill, job)
    assert (job.state, job.error_code) == (State.FAILED, "plugin_error")
    assert "damaged" in job.error_message
