"""Jobs that waited for their data to be checked."""

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from modelmill.core.errors import InvalidRequest, NotFound
from modelmill.core.killpoints import killpoint
from modelmill.core.rows_apart import row_apart
from modelmill.core.scope import system_scope
from modelmill.datasets.models import DatasetVersion
from modelmill.datasets.selectors import access_version
from modelmill.tenants.services import tenant_voice
from modelmill.training.checks import kind_check, size_check, version_check
from modelmill.training.failures import Failure
from modelmill.training.models import Job
from modelmill.training.sayings import Said
from modelmill.training.services.announcing import job_announce
from modelmill.training.services.endings import ring
from modelmill.training.services.events import event_say
from modelmill.training.services.money import reservation_settle
from modelmill.training.states import State


def jobs_unblock(version: DatasetVersion | None = None) -> int:
    """Queue, or fail, the jobs whose data has been checked; return how many moved.

    For one dataset version, or for all when it is None. Safe to repeat.
    """
    with system_scope("jobs of every tenant wait for data"):
        waiting = Job.objects.filter(state=State.VALIDATING)
        if version is not None:
            waiting = waiting.filter(
                Q(training_version_id=version.id) | Q(validation_version_id=version.id)
            )
        found = list(waiting.order_by("id").values_list("id", "tenant_id"))
    moved = 0
    for job_id, tenant_id in found:
        with row_apart("job_not_unblocked", job=job_id):
            moved += _unblock(job_id, tenant_id=tenant_id)
    return moved


def _unblock(job_id: str, *, tenant_id: str) -> bool:
    with tenant_voice(tenant_id):
        job = Job.objects.select_related("release__plugin").get(pk=job_id)
        try:
            versions = _versions(job)
            if not all(version.is_ready for version in versions.values()):
                for param, version in versions.items():
                    version_check(version, param=param)
                return False
            for param, version in versions.items():
                kind_check(version, release=job.release, param=param)
            training = versions["training_file"]
            size_check(training, release=job.release, param="training_file")
        except (InvalidRequest, NotFound) as error:
            return _fail(job, error)
        return _queue(job)


def _versions(job: Job) -> dict[str, DatasetVersion]:
    named = {"training_file": job.training_version_id, "validation_file": job.validation_version_id}
    return {param: access_version(row_id) for param, row_id in named.items() if row_id}


def _queue(job: Job) -> bool:
    with transaction.atomic():
        moved = Job.objects.filter(pk=job.pk, state=State.VALIDATING).update(
            state=State.QUEUED, queued_at=Now(), next_run_at=Now()
        )
        if moved:
            event_say(Said.DATA_READY, job_id=job.id, tenant_id=job.tenant_id)
            ring(job.id, tenant_id=job.tenant_id)
            killpoint("unblock.before_commit")
    return bool(moved)


def _fail(job: Job, error: InvalidRequest | NotFound) -> bool:
    with transaction.atomic():
        moved = Job.objects.filter(pk=job.pk, state=State.VALIDATING).update(
            state=State.FAILED,
            finished_at=Now(),
            error_code=Failure.DATASET_INVALID,
            error_message=error.message,
            error_param=error.param or "training_file",
        )
        if moved:
            reservation_settle(job)
            event_say(error.message, job_id=job.id, tenant_id=job.tenant_id, level="error")
            job_announce(job.id, tenant_id=job.tenant_id, state=State.FAILED)
    return bool(moved)
