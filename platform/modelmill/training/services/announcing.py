"""Telling the outside that a job is over."""

from modelmill.core.outbox import outbox_add
from modelmill.tenants.selectors import job_mail_wanted
from modelmill.tenants.webhooks.services import webhook_announce
from modelmill.training.states import State

MAIL_TASK = "workers.tasks.notices.job_ended"


def job_announce(job_id: str, *, tenant_id: str, state: State) -> None:
    """Tell webhooks, and members who want e-mails, how a job ended; in that same transaction."""
    webhook_announce(f"fine_tuning.job.{state}", object_id=job_id, tenant_id=tenant_id)
    if job_mail_wanted(has_failed=state == State.FAILED):
        payload = {"job_id": job_id, "tenant_id": tenant_id}
        outbox_add(MAIL_TASK, key=f"mail:{job_id}", payload=payload)
