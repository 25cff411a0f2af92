"""Why a job does not train yet, in one sentence."""

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from modelmill.billing.subscriptions import subscription_for
from modelmill.core.clock import database_now
from modelmill.tenants.selectors import tenant_is_suspended
from modelmill.training.fitting import job_fits
from modelmill.training.models import Job, WorkerSeen
from modelmill.training.outlook import Outlook, job_outlook
from modelmill.training.services.presence import TRAIN_QUEUE, workers_live
from modelmill.training.states import State


def job_waiting_reason(job: Job, outlook: Outlook | None = None) -> str:
    """Say what a job waits for; empty for one that runs or is over.

    ``outlook`` is its ``job_outlook`` where the caller has asked for it already.
    """
    if job.state == State.VALIDATING:
        return _("Its data is still being checked.")
    if job.awaits_word:
        return _("It waits for your word: let it go on, or cancel it.")
    if job.is_paused_unpaid:
        return _("The balance is used up. Top it up, then resume the job.")
    if job.state == State.PAUSED:
        return _("It is paused. Resume it to go on.")
    if job.state != State.QUEUED:
        return ""
    if tenant_is_suspended(job.tenant_id):
        return _("The organisation is suspended. It waits until that is lifted.")
    workers = list(workers_live(TRAIN_QUEUE))
    if not workers:
        return _("No training worker is running. It starts as soon as there is one.")
    if not any(job_fits(job, worker) for worker in workers):
        return _misfit(job, workers)
    if job.attempt and job.next_run_at > database_now():
        return _("It failed and will be tried again in a moment.")
    if full := _plan_full(job):
        return full
    outlook = outlook or job_outlook(job)
    ahead = outlook.ahead if outlook else 0
    if ahead:
        return ngettext(
            "%(count)s job is ahead of it.", "%(count)s jobs are ahead of it.", ahead
        ) % {"count": ahead}
    if all(worker.job_id for worker in workers):
        return _("It is next; every worker is busy.")
    return _("A worker is about to take it.")


def _misfit(job: Job, workers: list[WorkerSeen]) -> str:
    if all(0 < worker.memory_mib < job.expected_memory_mib for worker in workers):
        said = _("It needs %(gib)s GiB of memory, and no running worker has as much.")
        return said % {"gib": -(-job.expected_memory_mib // 1024)}
    gpu_memory_mib = max(job.gpu_memory_mib, job.expected_gpu_memory_mib)
    said = _("It needs a GPU with %(gib)s GiB, and no running worker has one.")
    return said % {"gib": -(-gpu_memory_mib // 1024)}


def _plan_full(job: Job) -> str:
    at_once = subscription_for(job.tenant_id).plan.at_once
    if Job.objects.filter(state=State.RUNNING).count() < at_once:
        return ""
    return ngettext(
        "Your plan trains %(count)s job at a time, and it is training.",
        "Your plan trains %(count)s jobs at a time, and they are training.",
        at_once,
    ) % {"count": at_once}
