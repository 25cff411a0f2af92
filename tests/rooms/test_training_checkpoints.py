"""Checkpoints that stay: how many, for how long, and how one becomes a model."""

from datetime import timedelta

import pytest
from django.db.models.functions import Now
from modelmill.billing.models import Reservation
from modelmill.core.errors import Conflict, NotFound
from modelmill.core.models import Blob
from modelmill.core.storage import blob_write
from modelmill.datasets.services import dataset_delete
from modelmill.metering.models import UsageEvent
from modelmill.registry.selectors import access_model_version
from modelmill.registry.services import model_delete
from modelmill.training.failures import Failure
from modelmill.training.manifests import job_manifest
from modelmill.training.models import Checkpoint, Job
from modelmill.training.selectors import access_checkpoint, access_job, checkpoints_kept
from modelmill.training.services import (
    Lease,
    News,
    checkpoint_commit,
    checkpoint_delete,
    checkpoint_newest,
    checkpoint_promote,
    checkpoints_expire,
    job_cancel,
    job_claim,
    job_fail,
    job_finish,
    job_heartbeat,
    job_pause,
)
from modelmill.training.slices import Slice
from modelmill.training.states import Desired, State

from tests.making import job_make, version_make

JOBS = "/v1/fine_tuning/jobs"


@pytest.fixture(autouse=True)
def _media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "storage"


def _trained(place, *, steps=(5, 10, 15), ends: bool = True, **options) -> Job:
    """Train a job as a worker would, with a checkpoint at each of these steps."""
    job = job_make(place, **options)
    lease = job_claim("w1")
    assert lease is not None and lease.job_id == job.id
    with place.scope():
        for step in steps:
            blob = blob_write([f"state {job.id} {step}".encode()])
            news = News(step=step, total_steps=20, metrics={"loss": 1 / step})
            checkpoint_commit(lease, news, piece=None, step=step, blob=blob)
        if ends:
            job_finish(lease, News(step=20, total_steps=20), piece=None, files={}, metrics={})
        return access_job(job.id)


def _kept(job: Job) -> list[int]:
    return [checkpoint.step for checkpoint in checkpoints_kept(job)]


def _made(place, job: Job) -> Job:
    """Finish the job that makes a model of a checkpoint, as a worker would."""
    lease = job_claim("w2")
    assert lease is not None and lease.job_id == job.id
    with place.scope():
        files = {"model.safetensors": blob_write([b"weights of the checkpoint"])}
        news = News(step=job.step, total_steps=20)
        job_finish(lease, news, piece=None, files=files, metrics={})
        return access_job(job.id)


@pytest.mark.parametrize(("kept", "steps"), [(2, [15, 10]), (0, []), (1, [15]), (3, [15, 10, 5])])
def test_the_newest_checkpoints_stay_when_a_job_is_over(acme, kept, steps) -> None:
    job = _trained(acme, keep_checkpoints=kept)
    with acme.scope():
        assert _kept(job) == steps
        assert Checkpoint.objects.filter(job=job).count() == 3
        assert Blob.objects.filter(refs__gt=0).count() == len(steps)


def test_they_stay_when_a_job_fails_or_is_cancelled_too(acme) -> None:
    job = _trained(acme, ends=False)
    with acme.scope():
        Job.objects.filter(pk=job.pk).update(lease_until=Now() - timedelta(seconds=1))
    lease = job_claim("w2")
    with acme.scope():
        job_fail(lease, code=Failure.NAN_LOSS)
        assert _kept(job) == [15, 10]
        waiting = job_make(acme)
        job_cancel(waiting, caller=acme.caller)
        assert _kept(waiting) == []


def test_a_checkpoint_becomes_a_model_of_its_own_name(acme) -> None:
    origin = _trained(acme, suffix="faces")
    with acme.scope():
        checkpoint = checkpoints_kept(origin)[1]
        with pytest.raises(NotFound, match="is a checkpoint, and no model yet"):
            access_model_version(checkpoint.name)
        job = checkpoint_promote(checkpoint, caller=acme.caller)
        assert (job.state, job.desired_state, job.step) == (State.QUEUED, Desired.FINISH, 10)
        assert checkpoint_promote(checkpoint, caller=acme.caller).id == job.id
        assert (job.parameters, job.seed) == (origin.parameters, origin.seed)
    lease = job_claim("w2")
    with acme.scope():
        assert lease is not None and checkpoint_newest(lease).sha256 == checkpoint.sha256
        Job.objects.filter(pk=job.pk).update(lease_until=Now() - timedelta(seconds=1))
    job = _made(acme, job)
    with acme.scope():
        version = access_model_version(f"{origin.id}:ckpt-step-10")
        assert (version.id, version.step) == (job.model_version_id, 10)
        assert (version.model.name, version.number) == ("faces", 2)
        assert job_manifest(job)["from_checkpoint"] == {
            "job": origin.id,
            "step": 10,
            "sha256": checkpoint.sha256,
        }
        # Its own copy of the checkpoint is gone with it; the origin's stays.
        assert _kept(job) == [] and _kept(origin) == [15, 10]
        assert not Reservation.objects.filter(subject=job.id, closed_at=None).exists()
        model_delete(version, caller=acme.caller)
        again = checkpoint_promote(access_checkpoint(origin, checkpoint.id), caller=acme.caller)
        assert again.id != job.id


def test_a_running_jobs_checkpoint_can_become_a_model_while_it_trains_on(acme) -> None:
    origin = _trained(acme, ends=False)
    with acme.scope():
        checkpoint = checkpoints_kept(origin)[0]
        job = checkpoint_promote(checkpoint, caller=acme.caller)
        with pytest.raises(Conflict, match="may still go on"):
            checkpoint_delete(checkpoint, caller=acme.caller)
    assert _made(acme, job).state == State.SUCCEEDED
    with acme.scope():
        assert access_job(origin.id).state == State.RUNNING


def test_two_checkpoints_of_one_step_are_one_model(acme) -> None:
    origin = _trained(acme, keep_checkpoints=3)
    with acme.scope():
        newest, older, _oldest = checkpoints_kept(origin)
        Checkpoint.objects.filter(pk=older.pk).update(step=newest.step, fence=0)
        older.refresh_from_db()
        job = checkpoint_promote(newest, caller=acme.caller)
        assert checkpoint_promote(older, caller=acme.caller).id == job.id


def test_a_step_saved_again_keeps_its_row_and_the_model_made_of_it(acme) -> None:
    origin = _trained(acme, steps=(5,), ends=False)
    with acme.scope():
        checkpoint = checkpoints_kept(origin)[0]
        job = checkpoint_promote(checkpoint, caller=acme.caller)
        origin = access_job(origin.id)
        lease = Lease(
            job_id=origin.id,
            tenant_id=origin.tenant_id,
            fence=origin.fence,
            attempt=origin.attempt,
            worker="w1",
        )
        again = checkpoint_commit(lease, News(step=5), piece=None, step=5, blob=blob_write([b"b"]))
        assert again.pk == checkpoint.pk and again.size_bytes == 1
        assert access_job(job.id).from_checkpoint_id == checkpoint.pk
        # The other job's copy still has what was saved first.
        assert [row.sha256 for row in checkpoints_kept(job)] == [checkpoint.sha256]


def test_nobody_pays_for_a_model_of_a_checkpoint(acme) -> None:
    origin = _trained(acme)
    with acme.scope():
        job = checkpoint_promote(checkpoints_kept(origin)[0], caller=acme.caller)
    lease = job_claim("w2")
    assert lease is not None
    # Even if the plugin reports a step, and time after it.
    for number, (start, end) in enumerate([(15, 16), (16, 16)], start=1):
        piece = Slice(number=number, step_from=start, step_to=end, elapsed_ms=60_000)
        job_heartbeat(lease, News(step=end, total_steps=20), piece=piece)
    with acme.scope():
        events = UsageEvent.objects.filter(subject=job.id)
        assert [(event.billable, event.reason) for event in events] == [(False, "kept")] * 2
        assert access_job(job.id).billed_ms == 0


def test_one_that_came_to_nothing_may_be_asked_for_again(acme) -> None:
    origin = _trained(acme)
    with acme.scope():
        checkpoint = checkpoints_kept(origin)[0]
        first = checkpoint_promote(checkpoint, caller=acme.caller)
        with pytest.raises(Conflict, match="makes a model of a checkpoint"):
            job_pause(first, caller=acme.caller)
        job_cancel(first, caller=acme.caller)
        assert _kept(first) == []
        assert checkpoint_promote(checkpoint, caller=acme.caller).id != first.id


def test_bytes_or_data_that_are_gone_make_no_model(acme) -> None:
    training = version_make(acme)
    origin = _trained(acme, training_ref=training.id)
    with acme.scope():
        newest, older = checkpoints_kept(origin)
        checkpoint_delete(newest, caller=acme.caller)
        checkpoint_delete(newest, caller=acme.caller)
        assert _kept(origin) == [10]
        with pytest.raises(Conflict) as refused:
            checkpoint_promote(newest, caller=acme.caller)
        assert refused.value.code == "checkpoint_gone"
        dataset_delete(training.dataset, caller=acme.caller)
        with pytest.raises(NotFound):
            checkpoint_promote(older, caller=acme.caller)
        assert Job.objects.count() == 1


def test_time_takes_them(acme, settings) -> None:
    old, new = _trained(acme), _trained(acme)
    with acme.scope():
        Job.objects.filter(pk=old.pk).update(finished_at=Now() - timedelta(days=31))
    settings.CHECKPOINT_KEEP_DAYS = 0
    assert checkpoints_expire() == 0
    settings.CHECKPOINT_KEEP_DAYS = 30
    assert (checkpoints_expire(), checkpoints_expire()) == (2, 0)
    with acme.scope():
        assert _kept(old) == [] and _kept(new) == [15, 10]


def test_a_job_remembers_so_many_whose_bytes_are_gone(acme, settings) -> None:
    settings.CHECKPOINTS_LISTED = 3
    job = _trained(acme, steps=(1, 2), ends=False)
    lease = Lease(job_id=job.id, tenant_id=acme.tenant.id, fence=job.fence, attempt=1, worker="w1")
    with acme.scope():
        made_of = Checkpoint.objects.get(job=job, step=1)
        checkpoint_promote(made_of, caller=acme.caller)
        for step in range(3, 12):
            blob = blob_write([f"state {job.id} {step}".encode()])
            checkpoint_commit(lease, News(step=step), piece=None, step=step, blob=blob)
        steps = Checkpoint.objects.filter(job=job).order_by("-step").values_list("step", flat=True)
        # Two have bytes, three are remembered, and one has become a model.
        assert list(steps) == [11, 10, 9, 8, 7, 1]
        settings.CHECKPOINTS_LISTED = 0
        for step in range(12, 17):
            blob = blob_write([f"state {job.id} {step}".encode()])
            checkpoint_commit(lease, News(step=step), piece=None, step=step, blob=blob)
        assert Checkpoint.objects.filter(job=job).count() == 11


def test_over_the_api(acme, globex) -> None:
    origin = _trained(acme)
    rows = acme.api.get(f"{JOBS}/{origin.id}/checkpoints").json()["data"]
    assert [(row["step_number"], row["x_is_kept"], row["x_model"]) for row in rows] == [
        (15, True, None),
        (10, True, None),
        (5, False, None),
    ]
    one = f"{JOBS}/{origin.id}/checkpoints/{rows[0]['id']}"
    for stranger in (globex.api.get(one), globex.api.post(f"{one}/model"), globex.api.delete(one)):
        assert stranger.status_code == 404
    made = acme.api.post(f"{one}/model").json()
    assert made["x_early_end"] == "kept" and made["x_from_checkpoint"] == rows[0]["id"]
    with acme.scope():
        job = access_job(made["id"])
    name = _made(acme, job).model_version.name
    row = acme.api.get(one).json()
    assert (row["x_model"], row["x_model_job"]) == (name, made["id"])
    assert acme.api.get(f"/v1/models/{row['fine_tuned_model_checkpoint']}").json()["id"] == name
    assert acme.api.delete(one).json()["deleted"]
    assert not acme.api.get(one).json()["x_is_kept"]
    refused = acme.api.post_json(
        JOBS, {"model": "toy", "training_file": "x", "keep_checkpoints": 99}
    )
    assert refused.json()["error"]["param"] == "keep_checkpoints"
    assert acme.api.get(f"{JOBS}/{origin.id}/checkpoints/ftckpt_no").status_code == 404
