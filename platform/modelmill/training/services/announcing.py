"""Telling the outside that a job is over, or stands still until there is money."""

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


def pause_announce(job_id: str, *, tenant_id: str, fence: int) -> None:
    """Tell members who want e-mails of failures that a job stands still until there is money.

    ``fence`` is the attempt's that was paused: a job may come to that more than once.
    """
    if job_mail_wanted(has_failed=True):
        mail_ask(job_id, tenant_id=tenant_id, fence=fence)


def mail_ask(
    job_id: str, *, tenant_id: str, fence: int = 0, tries: int = 0, delay_s: float = 0
) -> None:
    """Ask a worker, once the caller has committed, to write to who wants to hear of a job.

    Of its end, or of the pause under a ``fence``.
    """
    payload: dict[str, object] = {"job_id": job_id, "tenant_id": tenant_id, "tries": tries}
    key = f"mail:{job_id}:{tries}"
    if fence:
        payload["fence"], key = fence, f"{key}:f{fence}"
    outbox_add(MAIL_TASK, key=key, payload=payload, delay_s=delay_s)
