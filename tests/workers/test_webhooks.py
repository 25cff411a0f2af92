"""Deliveries to a real server: signed, tried again, never twice at once, never inside."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import openai
import pytest
from django.db.models.functions import Now
from django.utils import timezone
from modelmill.core.clock import database_now
from modelmill.core.models import OutboxMessage
from modelmill.tenants.models import WebhookDelivery, WebhookEndpoint
from modelmill.tenants.webhooks.delivering import WAITS, deliveries_ring, delivery_claim
from modelmill.tenants.webhooks.services import (
    delivery_again,
    endpoint_create,
    endpoint_secret_rotate,
    endpoint_test,
    webhook_announce,
)
from modelmill.training.services import job_cancel

from tests.making import job_make
from workers.tasks.webhooks import deliver, sweep

pytestmark = pytest.mark.django_db
JOB_EVENT = "fine_tuning.job.succeeded"


@dataclass
class Receiver:
    """A customer's server; ``answers`` are the statuses it gives, then 200."""

    url: str
    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    heard: list[tuple[str, dict[str, str], str]] = field(default_factory=list)
    body: bytes = b"heard"
    drips: bool = False


@pytest.fixture
def receiver(settings) -> Iterator[Receiver]:
    settings.WEBHOOK_PRIVATE_NETWORKS = ["127.0.0.1/32"]
    settings.WEBHOOK_HTTP_ALLOWED = True

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            here.heard.append((self.path, dict(self.headers), body))
            status, headers = here.answers.pop(0) if here.answers else (200, {})
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(here.body if status == 200 else b"not today")
            with suppress(OSError):
                while here.drips:
                    self.wfile.write(b".")
                    time.sleep(0.05)

        def log_message(self, *_args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    here = Receiver(f"http://127.0.0.1:{server.server_port}/hook")
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield here
    here.drips = False
    server.shutdown()
    thread.join()
    server.server_close()


def made(place, url: str, **more) -> tuple[WebhookEndpoint, str]:
    with place.scope():
        return endpoint_create(url, caller=place.caller, **more)


def announced(place, event_type: str = JOB_EVENT) -> WebhookDelivery:
    with place.scope():
        webhook_announce(event_type, object_id="ftjob-1", tenant_id=place.tenant.id)
        return WebhookDelivery.objects.order_by("-pk").first()


def tried(place, delivery: WebhookDelivery) -> WebhookDelivery:
    """Let a worker try it, as if it were due now."""
    with place.scope():
        WebhookDelivery.objects.filter(pk=delivery.pk).exclude(next_try_at=None).update(
            next_try_at=database_now()
        )
    deliver(delivery_id=delivery.pk, tenant_id=place.tenant.id)
    with place.scope():
        return WebhookDelivery.objects.get(pk=delivery.pk)


@contextmanager
def clock_apart(apart: timedelta) -> Iterator[None]:
    """Let this machine's clock be wrong for the length of the block."""
    real = timezone.now
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(timezone, "now", lambda: real() + apart)
        yield


def unwrapped(secret: str, heard: tuple[str, dict[str, str], str]):
    client = openai.OpenAI(api_key="-", webhook_secret=secret)
    return client.webhooks.unwrap(heard[2], heard[1])


def test_the_openai_client_takes_the_event(acme, receiver) -> None:
    _endpoint, secret = made(acme, receiver.url)
    done = tried(acme, announced(acme))
    event = unwrapped(secret, receiver.heard[0])
    assert (event.type, event.data.id, event.id) == (JOB_EVENT, "ftjob-1", done.event_id)
    assert (done.state, done.last_status, done.last_answer) == ("delivered", 200, "heard")


def test_another_secret_or_a_changed_body_is_refused_by_the_client(acme, receiver) -> None:
    _endpoint, secret = made(acme, receiver.url)
    tried(acme, announced(acme))
    path, headers, body = receiver.heard[0]
    with pytest.raises(openai.InvalidWebhookSignatureError):
        unwrapped("whsec_" + "A" * 43 + "=", receiver.heard[0])
    with pytest.raises(openai.InvalidWebhookSignatureError):
        unwrapped(secret, (path, headers, body.replace("ftjob-1", "ftjob-2")))


def test_after_a_rotation_both_secrets_hold_for_a_day(acme, receiver) -> None:
    endpoint, old = made(acme, receiver.url)
    with acme.scope():
        new = endpoint_secret_rotate(endpoint, caller=acme.caller)
    assert new != old
    tried(acme, announced(acme))
    assert unwrapped(old, receiver.heard[0]).id == unwrapped(new, receiver.heard[0]).id
    with acme.scope():
        WebhookEndpoint.objects.update(rotated_at=Now() - timedelta(hours=25))
    tried(acme, announced(acme))
    assert unwrapped(new, receiver.heard[1])
    with pytest.raises(openai.InvalidWebhookSignatureError):
        unwrapped(old, receiver.heard[1])


def test_it_is_tried_again_with_the_same_id_and_a_longer_wait(acme, receiver) -> None:
    made(acme, receiver.url)
    receiver.answers = [(500, {}), (410, {})]
    delivery = announced(acme)
    waits = []
    for _try in range(2):
        delivery = tried(acme, delivery)
        assert delivery.state == "pending"
        waits.append(delivery.next_try_at - delivery.last_tried_at)
    assert all(
        abs(got - want) < timedelta(seconds=3) for got, want in zip(waits, WAITS, strict=False)
    )
    assert tried(acme, delivery).state == "delivered"
    assert len({headers["webhook-id"] for _path, headers, _body in receiver.heard}) == 1


def test_in_the_end_it_has_failed_and_can_be_sent_again_by_hand(acme, receiver) -> None:
    made(acme, receiver.url)
    receiver.answers = [(503, {})] * (len(WAITS) + 1)
    delivery = announced(acme)
    for _try in range(len(WAITS) + 1):
        delivery = tried(acme, delivery)
    assert (delivery.state, delivery.next_try_at) == ("failed", None)
    assert tried(acme, delivery).tries == delivery.tries
    with acme.scope():
        delivery_again(delivery, caller=acme.caller)
    assert tried(acme, delivery).state == "delivered"


def test_one_try_at_a_time_whoever_rings(acme, receiver) -> None:
    made(acme, receiver.url)
    delivery = announced(acme)
    with acme.scope():
        assert delivery_claim(delivery.pk) is not None
        assert delivery_claim(delivery.pk) is None
    deliver(delivery_id=delivery.pk, tenant_id=acme.tenant.id)
    assert receiver.heard == []


def test_the_sweep_rings_for_what_is_due_and_for_nothing_else(acme, receiver) -> None:
    made(acme, receiver.url)
    announced(acme)
    before = OutboxMessage.objects.count()
    assert sweep() == 1
    # The row itself is the memory: a sweep adds nothing to the outbox.
    assert OutboxMessage.objects.count() == before
    with acme.scope():
        WebhookDelivery.objects.update(next_try_at=Now() + timedelta(minutes=1))
    assert deliveries_ring() == 0


def test_a_redirect_inside_is_not_followed(acme, receiver, settings) -> None:
    made(acme, receiver.url)
    receiver.answers = [(307, {"Location": "http://169.254.169.254/latest/meta-data"})]
    delivery = tried(acme, announced(acme))
    assert (delivery.state, delivery.last_status) == ("pending", None)
    assert "private network" in delivery.last_answer
    assert len(receiver.heard) == 1


def test_a_redirect_outside_is_followed_with_its_body(acme, receiver) -> None:
    made(acme, receiver.url)
    receiver.answers = [(308, {"Location": "/elsewhere"})]
    assert tried(acme, announced(acme)).state == "delivered"
    first, second = receiver.heard
    assert (second[0], second[2]) == ("/elsewhere", first[2])


def test_an_address_that_moved_inside_after_it_was_made_hears_nothing(
    acme, receiver, settings
) -> None:
    made(acme, receiver.url)
    settings.WEBHOOK_PRIVATE_NETWORKS = []
    delivery = tried(acme, announced(acme))
    assert delivery.state == "pending"
    assert "private network" in delivery.last_answer
    assert receiver.heard == []


def test_nobody_there_is_an_answer_too(acme, receiver) -> None:
    made(acme, "http://127.0.0.1:1/hook")
    delivery = tried(acme, announced(acme))
    assert (delivery.state, delivery.last_status) == ("pending", None)
    assert "refused" in delivery.last_answer


def test_an_endpoint_hears_only_what_it_asked_for_and_nothing_when_off(acme, receiver) -> None:
    made(acme, receiver.url, event_types=["fine_tuning.job.failed"])
    assert announced(acme) is None
    delivery = announced(acme, "fine_tuning.job.failed")
    assert json.loads(delivery.body)["type"] == "fine_tuning.job.failed"
    with acme.scope():
        WebhookEndpoint.objects.update(is_enabled=False)
        webhook_announce("fine_tuning.job.failed", object_id="x", tenant_id=acme.tenant.id)
        assert WebhookDelivery.objects.count() == 1


def test_an_endpoint_that_failed_for_days_is_switched_off(acme, receiver) -> None:
    made(acme, receiver.url)
    receiver.answers = [(500, {})] * 2
    delivery = tried(acme, announced(acme))
    with acme.scope():
        WebhookEndpoint.objects.update(failing_since=Now() - timedelta(days=6))
    tried(acme, delivery)
    with acme.scope():
        assert not WebhookEndpoint.objects.get().is_enabled


def test_a_job_that_ends_is_announced_once_and_to_its_own_tenant(acme, globex, receiver) -> None:
    made(acme, receiver.url)
    made(globex, receiver.url)
    job = job_make(acme)
    with acme.scope():
        job_cancel(job, caller=acme.caller)
        job_cancel(job, caller=acme.caller)
        body = json.loads(WebhookDelivery.objects.get().body)
    assert (body["type"], body["data"]) == ("fine_tuning.job.cancelled", {"id": job.id})
    with globex.scope():
        assert not WebhookDelivery.objects.exists()


def test_a_test_event_reaches_an_endpoint_that_takes_other_types(acme, receiver) -> None:
    endpoint, _secret = made(acme, receiver.url, event_types=["fine_tuning.job.failed"])
    with acme.scope():
        delivery = endpoint_test(endpoint, caller=acme.caller)
    assert tried(acme, delivery).state == "delivered"
    assert json.loads(receiver.heard[0][2])["type"] == "webhook.test"


def test_an_answer_with_a_nul_is_kept_and_ends_the_try(acme, receiver) -> None:
    made(acme, receiver.url)
    receiver.body = b"heard\0you"
    delivery = tried(acme, announced(acme))
    assert (delivery.state, delivery.last_answer) == ("delivered", "heard\ufffdyou")


def test_a_redirect_to_nonsense_is_a_try_in_vain(acme, receiver) -> None:
    made(acme, receiver.url)
    receiver.answers = [(307, {"Location": "https://["})]
    delivery = tried(acme, announced(acme))
    assert (delivery.state, delivery.last_status) == ("pending", None)


def test_an_answer_that_drips_does_not_hold_the_worker(acme, receiver, monkeypatch) -> None:
    monkeypatch.setattr("workers.webhooks.sending.TRY_S", 0.5)
    made(acme, receiver.url)
    receiver.drips = True
    began = time.monotonic()
    assert tried(acme, announced(acme)).last_status == 200
    assert time.monotonic() - began < 5


def test_what_waits_for_an_endpoint_that_is_off_is_given_up(acme, receiver) -> None:
    made(acme, receiver.url)
    delivery = announced(acme)
    with acme.scope():
        WebhookEndpoint.objects.update(is_enabled=False)
    assert tried(acme, delivery).state == "failed"
    assert receiver.heard == []


@pytest.mark.parametrize("apart", [timedelta(hours=-1), timedelta(hours=1)])
def test_a_worker_whose_clock_is_wrong_sends_what_is_due_and_nothing_else(
    acme, receiver, apart
) -> None:
    _endpoint, secret = made(acme, receiver.url)
    delivery = announced(acme)
    ids = {"delivery_id": delivery.pk, "tenant_id": acme.tenant.id}
    receiver.answers = [(500, {})]
    with clock_apart(apart):
        assert deliveries_ring() == 1
        deliver(**ids)
        # Nobody heard: due again in five seconds, and not before.
        assert deliveries_ring() == 0
        deliver(**ids)
        assert len(receiver.heard) == 1
    # Dated so that whoever hears of it takes it.
    assert unwrapped(secret, receiver.heard[0]).id == delivery.event_id
    with acme.scope():
        delivery = WebhookDelivery.objects.get(pk=delivery.pk)
        assert delivery.next_try_at - database_now() <= WAITS[0]
    assert tried(acme, delivery).state == "delivered"


@pytest.mark.parametrize("apart", [timedelta(hours=-1), timedelta(hours=1)])
def test_a_delivery_that_another_worker_has_is_left_to_it_by_any_clock(
    acme, receiver, apart
) -> None:
    made(acme, receiver.url)
    delivery = announced(acme)
    with acme.scope():
        assert delivery_claim(delivery.pk) is not None
        with clock_apart(apart):
            assert delivery_claim(delivery.pk) is None
            assert deliveries_ring() == 0


@pytest.mark.parametrize("apart", [timedelta(hours=-1), timedelta(hours=1)])
def test_what_a_door_with_a_wrong_clock_announced_or_sends_again_is_due_at_once(
    acme, receiver, apart
) -> None:
    made(acme, receiver.url)
    with clock_apart(apart):
        delivery = announced(acme)
    said = json.loads(delivery.body)["created_at"]
    assert abs(database_now().timestamp() - said) < 60
    assert deliveries_ring() == 1
    deliver(delivery_id=delivery.pk, tenant_id=acme.tenant.id)
    assert len(receiver.heard) == 1
    with acme.scope(), clock_apart(apart):
        delivery_again(delivery, caller=acme.caller)
    deliver(delivery_id=delivery.pk, tenant_id=acme.tenant.id)
    assert len(receiver.heard) == 2
