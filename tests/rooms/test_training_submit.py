"""A new training job: checked, paid for and queued at once, or nothing at all."""

import pytest
from django.utils import translation
from modelmill.billing.models import Balance, Reservation
from modelmill.catalog.services import manifest_publish
from modelmill.core.errors import Conflict, InvalidRequest, NotFound, PermissionDenied
from modelmill.core.models import OutboxMessage
from modelmill.datasets.models import DatasetVersion
from modelmill.training.models import Job
from modelmill.training.selectors import access_job, job_messages
from modelmill.training.services import job_cancel, job_submit, jobs_unblock
from modelmill.training.services.submission import _job_new
from modelmill.training.states import State

from tests.making import job_make, manifest_make, version_make


def test_a_job_is_queued_with_its_money_and_a_worker_is_rung(acme) -> None:
    job = job_make(acme, parameters={"steps": 7}, suffix="ours", metadata={"a": "b"})
    assert job.state == State.QUEUED
    assert job.parameters["steps"] == 7 and job.parameters["mode"] == "plain"
    with acme.scope():
        held = Reservation.objects.get(id=job.reservation_id)
        assert held.amount_micro > 0 and held.closed_at is None
        assert "waits for a worker" in job_messages(job)[0].message
    ring = OutboxMessage.objects.get(topic="workers.tasks.training.ring")
    assert ring.payload == {"job_id": job.id}


def test_the_same_key_and_body_give_the_same_job(acme) -> None:
    version = version_make(acme)
    first = job_make(acme, training_ref=version.id, idempotency_key="k1")
    again = job_make(acme, training_ref=version.id, idempotency_key="k1")
    assert again.id == first.id
    with acme.scope():
        assert Job.objects.count() == Reservation.objects.count() == 1


def test_the_same_key_with_another_body_is_refused(acme) -> None:
    version = version_make(acme)
    job_make(acme, training_ref=version.id, idempotency_key="k1")
    with pytest.raises(Conflict) as refused:
        job_make(acme, training_ref=version.id, idempotency_key="k1", suffix="other")
    assert refused.value.code == "idempotency_key_reused"


def test_two_tenants_may_use_the_same_key(acme, globex) -> None:
    assert job_make(acme, idempotency_key="k").id != job_make(globex, idempotency_key="k").id


def test_a_retry_without_a_key_finds_the_job_its_first_try_made(acme) -> None:
    version = version_make(acme)
    first = job_make(acme, training_ref=version.id)
    assert job_make(acme, training_ref=version.id, is_retry=True).id == first.id
    assert job_make(acme, training_ref=version.id).id != first.id


def test_of_two_retries_at_once_one_makes_the_job(acme, monkeypatch) -> None:
    ref, twins = version_make(acme).id, []

    def overtaken(*args, **asked):
        # Behind the first look for an earlier job.
        monkeypatch.undo()
        twins.append(job_make(acme, training_ref=ref, is_retry=True))
        return _job_new(*args, **asked)

    monkeypatch.setattr("modelmill.training.services.submission._job_new", overtaken)
    assert job_make(acme, training_ref=ref, is_retry=True).id == twins[0].id
    with acme.scope():
        assert Job.objects.count() == Reservation.objects.count() == 1


@pytest.mark.parametrize(
    ("kind", "state", "words"),
    [("images", "ready", "Toy takes text"), ("text", "failed", "It is empty.")],
)
def test_unusable_data_is_refused_and_leaves_nothing(acme, kind, state, words) -> None:
    version = version_make(acme, kind=kind, state=state)
    with pytest.raises(InvalidRequest) as refused:
        job_make(acme, training_ref=version.id)
    assert words in refused.value.message and refused.value.param == "training_file"
    with acme.scope():
        assert not Job.objects.exists() and not Reservation.objects.exists()


def test_a_strangers_data_does_not_exist(acme, globex) -> None:
    version = version_make(globex)
    with pytest.raises(NotFound):
        job_make(acme, training_ref=version.id)


def test_a_plugin_that_does_not_train_is_refused(acme) -> None:
    manifest_publish(manifest_make("oracle", trains=False))
    with acme.scope(), pytest.raises(InvalidRequest):
        job_submit(caller=acme.caller, plugin_id="oracle", training_ref=version_make(acme).id)


def test_a_caller_without_the_permission_is_refused(acme) -> None:
    from dataclasses import replace

    viewer = replace(acme.caller, permissions=frozenset({"jobs:read"}))
    with pytest.raises(PermissionDenied):
        job_make(acme, caller=viewer)


def test_a_job_waits_for_data_that_is_still_being_checked(acme) -> None:
    version = version_make(acme, state="validating")
    job = job_make(acme, training_ref=version.id)
    assert job.state == State.VALIDATING
    assert jobs_unblock(version) == 0
    with acme.scope():
        DatasetVersion.objects.filter(pk=version.pk).update(
            state="ready", kind="text", sha256="2" * 64, row_count=3
        )
        assert jobs_unblock(version) == 1
        assert access_job(job.id).state == State.QUEUED


@pytest.mark.parametrize(
    "changes",
    [
        {"state": "failed", "error_message": "Every row is empty."},
        {"state": "ready", "kind": "images", "sha256": "2" * 64, "row_count": 3},
    ],
)
def test_a_job_fails_with_its_data_and_its_money_comes_back(acme, changes) -> None:
    version = version_make(acme, state="validating")
    job = job_make(acme, training_ref=version.id)
    with acme.scope():
        DatasetVersion.objects.filter(pk=version.pk).update(**changes)
        jobs_unblock()
        job = access_job(job.id)
        assert (job.state, job.error_code) == (State.FAILED, "dataset_invalid")
        assert Reservation.objects.get(id=job.reservation_id).closed_at is not None


def test_a_job_that_cannot_be_failed_does_not_keep_others_waiting(acme, globex, caplog) -> None:
    jobs, failed = [], {"state": "failed", "error_message": "Every row is empty."}
    for place in (acme, globex):
        version = version_make(place, state="validating")
        jobs.append(job_make(place, training_ref=version.id))
        with place.scope():
            DatasetVersion.objects.filter(pk=version.pk).update(**failed)
    with acme.scope():
        # Its money cannot be given back.
        Balance.objects.all().delete()
    assert jobs_unblock() == 1
    assert "job_not_unblocked" in caplog.text and jobs[0].id in caplog.text
    with globex.scope():
        assert access_job(jobs[1].id).state == State.FAILED


def test_a_waiting_job_is_cancelled_at_once(acme) -> None:
    job = job_make(acme)
    with acme.scope():
        assert job_cancel(job, caller=acme.caller).state == State.CANCELLED
        assert job_cancel(job, caller=acme.caller).state == State.CANCELLED
        held = Reservation.objects.get(id=job.reservation_id)
        assert (held.spent_micro, held.closed_at is None) == (0, False)


def test_what_the_platform_says_is_stored_in_english_and_read_in_any_language(acme) -> None:
    with translation.override("zh-hans"):
        job = job_make(acme)
        with acme.scope():
            job_cancel(job, caller=acme.caller)
            said = [(event.message, event.said) for event in job_messages(job)]
    assert said[0][0] == "The job was cancelled." and "取消" in said[0][1]
    assert said[-1][0] == "Training job created." and said[-1][1] != said[-1][0]


def test_a_line_without_a_code_or_with_a_strange_one_is_shown_as_it_was_stored(acme) -> None:
    job = job_make(acme)
    with acme.scope():
        for code, values in (("", {}), ("of_tomorrow", {}), ("started", {})):
            job.events.all().delete()
            job.events.create(
                tenant=acme.tenant,
                seq=9,
                kind="message",
                message="Epoch 1",
                code=code,
                values=values,
                created_at=job.next_run_at,
            )
            assert job_messages(job)[0].said == "Epoch 1"


def test_too_small_a_training_part_is_refused_before_there_is_a_job(acme) -> None:
    manifest_publish(manifest_make(needs={"gpu_memory_mib": 0, "train_rows": 100}))
    version = version_make(acme)
    with acme.scope(), pytest.raises(InvalidRequest, match="has 0 of its 12 rows") as refused:
        job_submit(caller=acme.caller, plugin_id="toy", training_ref=version.id)
    assert (refused.value.code, refused.value.param) == ("dataset_too_small", "training_file")
