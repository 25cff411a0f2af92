"""Checkpoints that stay when their job is over: each can become a model, until time takes it.

The model is made by a job of its own, which goes on from the checkpoint and finishes before its
first step: only the plugin knows how to make a model of its state.
"""

from datetime import timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from modelmill.core.clock import database_now
from modelmill.core.errors import Conflict
from modelmill.core.scope import system_scope, tenant_scope
from modelmill.core.storage import blob_hold, blob_release
from modelmill.datasets.selectors import access_version
from modelmill.tenants.callers import Caller
from modelmill.tenants.services import audit_record
from modelmill.training.models import Checkpoint, Job
from modelmill.training.sayings import Said
from modelmill.training.selectors import access_job, checkpoint_job
from modelmill.training.services.events import event_say
from modelmill.training.services.holding import job_hold
from modelmill.training.services.submission import ask_hash, job_store
from modelmill.training.states import ENDED, Desired, EarlyEnd, State

logger = structlog.get_logger(__name__)

_MAX_AT_ONCE = 500


def checkpoint_promote(checkpoint: Checkpoint, *, caller: Caller) -> Job:
    """Queue a job that makes a model of a checkpoint, also of a job that still trains.

    A second call returns the same job, unless that one came to nothing, or its model was
    deleted. Raises ``Conflict`` (``checkpoint_gone``) for one without bytes, and ``NotFound`` when
    the data was deleted. It costs nothing.
    """
    caller.require("jobs:write")
    with transaction.atomic():
        # Its job first, as everywhere: a worker holds that while it changes checkpoints.
        job_hold(checkpoint.job_id)
        held = Checkpoint.objects.select_for_update().get(pk=checkpoint.pk)
        earlier = checkpoint_job(held)
        if earlier is not None:
            return earlier
        if held.blob is None:
            raise Conflict(
                _("The bytes of this checkpoint are not kept any more. Train again to have it."),
                code="checkpoint_gone",
            )
        origin = access_job(held.job_id)
        for version_id in filter(None, (origin.training_version_id, origin.validation_version_id)):
            access_version(version_id)
        job = _job_of(held, origin, caller=caller)
        job_store(job, caller=caller)
        # As if an attempt before its first had left it; no claim has a fence of nought.
        Checkpoint.objects.create(
            tenant_id=held.tenant_id,
            job=job,
            step=held.step,
            fence=0,
            sha256=held.sha256,
            size_bytes=held.size_bytes,
            metrics=held.metrics,
            blob=blob_hold(held.blob),
            committed_at=held.committed_at,
        )
        told: dict[str, Any] = {"step": held.step, "job": job.id}
        event_say(Said.BECOMES_MODEL, job_id=origin.id, tenant_id=origin.tenant_id, **told)
    return access_job(job.id)


def checkpoint_delete(checkpoint: Checkpoint, *, caller: Caller) -> None:
    """Delete the bytes of a checkpoint whose job is over; a second call does nothing.

    Raises ``Conflict`` (``job_state``) while its job may still go on from it.
    """
    caller.require("jobs:write")
    if not access_job(checkpoint.job_id).is_over:
        raise Conflict(
            _("The job may still go on from this checkpoint. Wait for its end, or cancel it."),
            code="job_state",
        )
    if _bytes_release(checkpoint):
        audit_record("checkpoint.deleted", caller=caller, object_id=checkpoint.id)


def checkpoints_expire() -> int:
    """Delete the bytes of what is kept longer than the installation keeps; return how many.

    A bounded number at once: call it again while there are some.
    """
    if settings.CHECKPOINT_KEEP_DAYS <= 0:
        return 0
    oldest = Now() - timedelta(days=settings.CHECKPOINT_KEEP_DAYS)
    with system_scope("time passes for every tenant"):
        rows = Checkpoint.objects.filter(blob__isnull=False, job__state__in=ENDED)
        old = list(rows.filter(job__finished_at__lt=oldest).order_by("id")[:_MAX_AT_ONCE])
    for row in old:
        try:
            with tenant_scope(row.tenant_id):
                _bytes_release(row)
        except OSError:
            # The others' time is over all the same.
            logger.exception("checkpoint_not_deleted", checkpoint=row.pk)
    return len(old)


@transaction.atomic
def _bytes_release(checkpoint: Checkpoint) -> bool:
    held = Checkpoint.objects.select_for_update().get(pk=checkpoint.pk)
    blob, held.blob = held.blob, None
    held.save(update_fields=["blob"])
    if blob is not None:
        blob_release(blob)
    return blob is not None


def _job_of(checkpoint: Checkpoint, origin: Job, *, caller: Caller) -> Job:
    """Return the job, not stored yet, that finishes from a checkpoint as its origin would have."""
    now = database_now()
    return Job(
        tenant=caller.tenant,
        release=origin.release,
        training_ref=origin.training_ref,
        validation_ref=origin.validation_ref,
        training_version_id=origin.training_version_id,
        validation_version_id=origin.validation_version_id,
        parameters=origin.parameters,
        parameters_sha256=origin.parameters_sha256,
        suffix=origin.suffix,
        seed=origin.seed,
        created_by=caller.actor,
        api_key_id=caller.api_key_id,
        spec_hash=ask_hash({"checkpoint": checkpoint.id}),
        state=State.QUEUED,
        queued_at=now,
        desired_state=Desired.FINISH,
        early_end=EarlyEnd.KEPT,
        finish_asked_at=now,
        from_checkpoint=checkpoint,
        keep_checkpoints=0,
        gpu_memory_mib=origin.gpu_memory_mib,
        expected_memory_mib=origin.expected_memory_mib,
        expected_gpu_memory_mib=origin.expected_gpu_memory_mib,
        max_attempts=settings.MAX_ATTEMPTS,
        next_run_at=now,
        step=checkpoint.step,
        total_steps=origin.total_steps,
        # Its steps were paid for by the job that made it.
        billed_through_step=checkpoint.step,
        metrics=checkpoint.metrics,
    )
