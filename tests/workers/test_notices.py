"""E-mails about jobs: to those who want them, in the tenant's language, once."""

from datetime import timedelta

from django.core import mail
from django.core.mail.backends import locmem
from django.utils import timezone
from modelmill.core.models import OutboxMessage
from modelmill.tenants.models import Member, Tenant
from modelmill.training.failures import Failure
from modelmill.training.models import Job
from modelmill.training.services import job_cancel, job_claim, job_fail

from tests.conftest import Place
from tests.making import job_make
from workers.tasks.notices import job_ended


def _want(place: Place, **choices: str) -> None:
    with place.scope():
        for who, choice in choices.items():
            Member.objects.filter(user=getattr(place, who)).update(job_mail=choice)


def _failed(place: Place) -> Job:
    job = job_make(place, suffix="barley")
    lease = job_claim("w1")
    assert lease is not None
    job_fail(lease, code=Failure.NAN_LOSS)
    return job


def _told(place: Place, job: Job) -> list[str]:
    """Send what waits for the job, as the worker would; return who was written to."""
    rings = OutboxMessage.objects.filter(topic=job_ended.name, payload__job_id=job.pk)
    mail.outbox.clear()
    for one in rings:
        job_ended(**one.payload)
    return [message.to[0] for message in mail.outbox]


def test_nobody_is_written_to_who_did_not_ask(acme) -> None:
    assert _told(acme, _failed(acme)) == []


def test_a_failure_goes_to_who_wants_failures_and_says_what_to_do(acme, globex) -> None:
    _want(acme, owner="failed", mate="ended")
    _want(globex, owner="ended")
    job = _failed(acme)
    assert _told(acme, job) == [acme.owner.email, acme.mate.email]
    message = mail.outbox[0]
    assert message.subject == "The training of “barley” failed"
    assert "The training diverged." in message.body
    assert "Lower the learning rate" in message.body
    assert f"/jobs/{job.pk}" in message.body and "/notices" in message.body
    first = [one.extra_headers["Message-ID"] for one in mail.outbox]
    _told(acme, job)
    assert [one.extra_headers["Message-ID"] for one in mail.outbox] == first


def test_an_end_that_is_no_failure_goes_to_who_wants_all(acme) -> None:
    _want(acme, owner="failed", mate="ended")
    job = job_make(acme, suffix="barley")
    with acme.scope():
        job_cancel(job, caller=acme.caller)
    assert _told(acme, job) == [acme.mate.email]
    assert "cancelled" in mail.outbox[0].subject


def test_it_is_in_the_tenants_language(acme) -> None:
    Tenant.objects.update(language="zh-hans")
    _want(acme, owner="ended")
    _told(acme, _failed(acme))
    assert "训练" in mail.outbox[0].subject


def test_what_could_not_be_sent_is_tried_again_later(acme, monkeypatch) -> None:
    def down(*_messages: object) -> int:
        raise ConnectionRefusedError("no mail server")

    _want(acme, owner="ended")
    job = _failed(acme)
    with monkeypatch.context() as patch:
        patch.setattr(locmem.EmailBackend, "send_messages", down)
        assert _told(acme, job) == []
    again = OutboxMessage.objects.get(topic=job_ended.name, payload__tries=1)
    assert again.available_at > timezone.now() + timedelta(seconds=50)
    assert job_ended(**again.payload) == 1


def test_a_member_chooses_on_a_page_of_their_own(acme, globex) -> None:
    browser = acme.browser(acme.mate)
    assert "E-mail me about jobs" in browser.get("/notices").text
    assert browser.post("/notices", {"job_mail": "failed"}).status_code == 302
    assert browser.post("/notices", {"job_mail": "wrong"}).status_code == 200
    with acme.scope():
        chosen = dict(Member.objects.values_list("user__email", "job_mail"))
    assert chosen == {acme.owner.email: "never", acme.mate.email: "failed"}


def test_the_api_says_what_to_do_too(acme) -> None:
    job = _failed(acme)
    error = acme.api.get(f"/v1/fine_tuning/jobs/{job.pk}").json()["error"]
    assert error["code"] == "nan_loss" and "learning rate" in error["x_advice"]
