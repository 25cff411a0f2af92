"""An attempt that goes wrong, with a real plugin process: what is said, tried again and charged."""

import re
import tempfile

import pytest
from django.db.models.functions import Now
from modelmill.core.models import Blob
from modelmill.metering.models import UsageEvent
from modelmill.training.models import Attempt, Job
from modelmill.training.selectors import (
    job_messages,
)
from modelmill.training.services import endings
from modelmill.training.states import State
from modelmill_sdk.protocol import Failed

from tests.processes import FAKES
from tests.workers.learner import job_make, job_now, steps_billed
from workers import looking
from workers.hosts import MemoryExcess, process
from workers.hosts.groups import HostGroups, groups_make
from workers.supervisor import train_all, train_next
from workers.supervisor.outcomes import failed_outcome


def test_data_the_plugin_refuses_costs_nothing(mill) -> None:
    job = job_make(mill, text="chaff\n" * 3 + "corn\n")
    train_next()
    job = job_now(mill, job)
    assert (job.state, job.error_code) == (State.FAILED, "dataset_invalid")
    assert "This row is chaff. Take it out." in job.error_message
    with mill.scope():
        assert not UsageEvent.objects.filter(subject=job.id).exists()


def test_a_crashed_plugin_is_tried_again(mill) -> None:
    job = job_make(mill, steps=20, do="crash", at=5)
    train_next()
    job = job_now(mill, job)
    assert (job.state, job.attempt) == (State.QUEUED, 1)
    with mill.scope():
        assert "SIGKILL" in Attempt.objects.get(job=job).detail


@pytest.mark.parametrize("by", ["the watch", "the kernel"])
def test_a_plugin_that_takes_more_memory_than_it_may_is_told_so_once(
    mill, settings, monkeypatch, by
) -> None:
    settings.PLUGIN_MEMORY_MIB = 160
    if by == "the watch":
        monkeypatch.setattr(process, "groups_make", lambda **_bounds: HostGroups())
    elif "memory" not in (groups := groups_make(memory_bytes=1 << 30, processes=0)).bounds:
        pytest.skip(f"no control group bounds memory here: {groups.why_not}")
    else:
        groups.remove()
    job = job_make(mill, steps=20, do="eat")
    train_next()
    job = job_now(mill, job)
    # Not again: it would need as much the next time.
    assert (job.state, job.error_code, job.attempt) == (State.FAILED, "out_of_memory", 1)
    assert re.search(r"used \d{3} MiB of memory, .* the 160 MiB", job.error_message)


def test_a_process_that_the_kernel_ended_for_its_memory_explains_the_plugins_failure() -> None:
    said = Failed(code="plugin_error", message="A loader was killed.")
    excess = MemoryExcess(used_bytes=160 << 20, most_bytes=160 << 20)
    assert failed_outcome(said).code == "plugin_error"
    assert failed_outcome(said, excess=excess).code == "out_of_memory"


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
    job = job_make(mill, steps=3_000 if do == "nan" else 5, step_ms=5, do=do)
    train_next()
    job = job_now(mill, job)
    assert (job.state, job.error_code) == (State.FAILED, code)
    with mill.scope():
        assert not Blob.objects.filter(media_type="application/x-tar").exists()


def test_folders_deeper_than_python_goes_are_cleared_away(mill, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    tmp_path.chmod(0o755)
    job = job_make(mill, steps=5, do="burrow")
    train_next()
    # Done, or ended for what it wrote, if that was seen first.
    assert job_now(mill, job).state in (State.SUCCEEDED, State.QUEUED)
    assert not list(tmp_path.glob("modelmill-train-*"))


def test_a_plugin_that_never_ends_looking_at_the_data_is_ended(mill, settings) -> None:
    settings.TRAIN_MAX_S = 1
    job = job_make(mill, do="ponder")
    train_next()
    job = job_now(mill, job)
    assert (job.state, job.error_code) == (State.FAILED, "timeout")
    with mill.scope():
        assert not UsageEvent.objects.filter(subject=job.id).exists()


def test_a_plugin_that_is_gone_is_looked_for_at_once_and_tried_again(
    mill, settings, monkeypatch
) -> None:
    rung: list[str] = []
    monkeypatch.setattr(looking, "_asked_at", [])
    monkeypatch.setattr(looking, "ring", lambda task, payload: rung.append(task) or True)
    # On a busy machine the first would be due again before the second has failed.
    monkeypatch.setattr(endings, "_FIRST_RETRY_S", 120)
    first, second = job_make(mill, steps=3), job_make(mill, steps=3)
    # Uninstalled, or broken: no process of a plugin finds it any more.
    settings.PLUGIN_PATHS = []
    assert train_all() == 2
    # Once, however many jobs meet it.
    assert rung == ["workers.tasks.catalog.describe"]
    for job in (first, second):
        job = job_now(mill, job)
        assert (job.state, job.error_code) == (State.QUEUED, "")
        with mill.scope():
            assert "tried again" in job_messages(job)[0].message
            assert "No plugin 'fake-learner'" in Attempt.objects.filter(job=job).get().detail

    settings.PLUGIN_PATHS = [FAKES]
    with mill.scope():
        Job.objects.update(next_run_at=Now())
    assert train_all() == 2
    assert {job_now(mill, job).state for job in (first, second)} == {State.SUCCEEDED}


def test_a_plugin_that_stays_away_is_said_to_be_and_nothing_is_charged(
    mill, settings, monkeypatch
) -> None:
    monkeypatch.setattr(looking, "ring", lambda task, payload: True)
    job = job_make(mill, steps=3)
    settings.PLUGIN_PATHS = []
    for _ in range(job.max_attempts):
        with mill.scope():
            Job.objects.update(next_run_at=Now())
        train_all()
    job = job_now(mill, job)
    assert (job.state, job.error_code) == (State.FAILED, "plugin_missing")
    assert steps_billed(mill, job) == []
