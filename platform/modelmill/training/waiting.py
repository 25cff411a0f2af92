"""Why a job does not train yet, in one sentence."""

from django.db.models.functions import Now
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from modelmill.core.scope import system_scope
from modelmill.training.models import Job
from modelmill.training.services.presence import TRAIN_QUEUE, workers_live
from modelmill.training.states import State


def job_waiting_reason(job: Job) -> str:
    """Say what a job waits for; empty for one that runs or is over."""
    if job.state == State.VALIDATING:
        return _("Its data is still being checked.")
    if job.state == State.PAUSED:
        return _("It is paused. Resume it to go on.")
    if job.state != State.QUEUED:
        return ""
    workers = list(workers_live(TRAIN_QUEUE))
    if not workers:
        return _("No training worker is running. It starts as soon as there is one.")
    if job.gpu_memory_mib > max(worker.gpu_memory_mib for worker in workers):
        return _("It needs a GPU with %(gib)s GiB, and no running worker has one.") % {
            "gib": -(-job.gpu_memory_mib // 1024)
        }
    if job.attempt:
        return _("It failed and will be tried again in a moment.")
    ahead = jobs_ahead(job)
    if ahead:
        return ngettext(
            "%(count)s job is ahead of it.", "%(count)s jobs are ahead of it.", ahead
        ) % {"count": ahead}
    if all(worker.job_id for worker in workers):
        return _("It is next; every worker is busy.")
    return _("A worker is about to take it.")


def jobs_ahead(job: Job) -> int:
    """Count the waiting jobs, of every tenant, that workers will take before this one."""
    with system_scope("the queue is shared; only a number leaves this function"):
        return Job.objects.filter(state=State.QUEUED, next_run_at__lte=Now(), id__lt=job.id).count()
