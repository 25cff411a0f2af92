"""What an e-mail about a job says."""

import hashlib

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.template.loader import render_to_string
from django.urls import reverse
from modelmill.tenants.selectors import job_mail_wanted
from modelmill.training.failures import failure_advice
from modelmill.training.selectors import access_job
from modelmill.training.states import State


def job_mail_send(job_id: str, *, fence: int = 0) -> int:
    """Write to each member who wants to hear of this job's end, one message each.

    With a ``fence``, of its pause for want of money under that one, as long as that lasts. In
    the tenant's scope and language. Sent again, after a lost answer, a message has the same id.
    Raises OSError (which SMTP's errors are) while no mail can be sent.
    """
    job = access_job(job_id)
    if fence and not (job.is_paused_unpaid and job.fence == fence):
        return 0
    context = {
        "job": job,
        "name": job.suffix or job.release.plugin.title,
        "advice": failure_advice(job.error_code) if job.state == State.FAILED else "",
        "operator": settings.OPERATOR_NAME,
        "url": settings.PUBLIC_URL + reverse("web:job", args=[job.pk]),
        "choice_url": settings.PUBLIC_URL + reverse("web:notices"),
    }
    subject = render_to_string("jobs/email/ended_subject.txt", context).strip()
    body = render_to_string("jobs/email/ended_message.txt", context)
    addresses = job_mail_wanted(has_failed=job.state in (State.FAILED, State.PAUSED))
    about = f"{job.pk}.f{fence}" if fence else job.pk
    messages = [_message(about, subject, body, address) for address in addresses]
    return get_connection().send_messages(messages) or 0


def _message(about: str, subject: str, body: str, address: str) -> EmailMessage:
    host = settings.PUBLIC_URL.partition("//")[2].partition("/")[0]
    digest = hashlib.sha256(address.encode()).hexdigest()[:16]
    headers = {"Message-ID": f"<{about}.{digest}@{host}>"}
    return EmailMessage(subject, body, to=[address], headers=headers)
