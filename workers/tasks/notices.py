"""E-mails about jobs, for those who want them."""

import structlog
from celery import shared_task
from modelmill.tenants.services import tenant_voice
from modelmill.training.services.announcing import MAIL_TASK, mail_ask

from workers.notices import job_mail_send

logger = structlog.get_logger(__name__)

_TRIES = 8
_FIRST_WAIT_S = 60


@shared_task(name=MAIL_TASK)
def job_ended(job_id: str, tenant_id: str, tries: int = 0, fence: int = 0) -> int:
    """Tell whoever wants to know how a job ended; return how many were told.

    With a ``fence``, that it was paused for want of money under that one. While no mail can be
    sent it is tried again, for about four hours.
    """
    with tenant_voice(tenant_id):
        try:
            return job_mail_send(job_id, fence=fence)
        except OSError as error:
            logger.warning("mail_not_sent", job=job_id, tries=tries, error=str(error))
            if tries < _TRIES:
                wait_s = _FIRST_WAIT_S * 2**tries
                again = {"tries": tries + 1, "delay_s": wait_s}
                mail_ask(job_id, tenant_id=tenant_id, fence=fence, **again)
            return 0
