"""E-mails about jobs, for those who want them."""

from celery import shared_task
from modelmill.tenants.services import tenant_voice
from modelmill.training.services.announcing import MAIL_TASK

from workers.notices import job_mail_send


@shared_task(name=MAIL_TASK)
def job_ended(job_id: str, tenant_id: str) -> int:
    """Tell whoever wants to know how a job ended; return how many were told."""
    with tenant_voice(tenant_id):
        return job_mail_send(job_id)
