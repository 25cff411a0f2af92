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
        mail_ask(job_id, tenant_id=tenant_id)


def mail_ask(job_id: str, *, tenant_id: str, tries: int = 0, delay_s: float = 0) -> None:
    """Ask a worker, once the caller has committed, to write to who wants to hear of a job."""
    payload: dict[str, object] = {"job_id": job_id, "tenant_id": tenant_id, "tries": tries}
    outbox_add(MAIL_TASK, key=f"mail:{job_id}:{tries}", payload=payload, delay_s=delay_s)
