"""The webhooks' pages: made, shown once, tested, switched off, deleted."""

import pytest
from modelmill.tenants.models import WebhookDelivery, WebhookEndpoint

from tests.conftest import Place

NEW = {"url": "https://example.com/hook", "event_types": ["fine_tuning.job.failed"]}


@pytest.fixture
def endpoint(acme: Place) -> WebhookEndpoint:
    acme.browser().post("/webhooks/new", NEW)
    with acme.scope():
        return WebhookEndpoint.objects.get()


def test_a_secret_is_shown_once(acme: Place) -> None:
    response = acme.browser().post("/webhooks/new", NEW)
    assert response.status_code == 201
    assert "no-store" in response["Cache-Control"]
    secret = response.content.decode().split('id="secret"')[1].split('value="')[1].split('"')[0]
    with acme.scope():
        path = f"/webhooks/{WebhookEndpoint.objects.get().pk}"
    assert secret not in acme.browser().get(path).content.decode()


def test_it_says_what_is_wrong_with_the_address(acme: Place) -> None:
    response = acme.browser().post("/webhooks/new", {"url": "ftp://example.com"})
    assert response.status_code == 400
    assert 'id="id_url_error"' in response.content.decode()


def test_a_test_is_sent_and_sent_again(acme: Place, endpoint: WebhookEndpoint) -> None:
    client = acme.browser()
    page = client.post(f"/webhooks/{endpoint.pk}/test", follow=True).content.decode()
    assert "webhook.test" in page
    with acme.scope():
        WebhookDelivery.objects.update(state="failed", next_try_at=None, last_answer="no <b>")
        delivery = WebhookDelivery.objects.get()
    assert "no &lt;b&gt;" in client.get(f"/webhooks/{endpoint.pk}").content.decode()
    client.post(f"/webhooks/deliveries/{delivery.pk}/again")
    with acme.scope():
        assert WebhookDelivery.objects.get().state == "pending"


def test_it_is_switched_off_and_on_and_deleted(acme: Place, endpoint: WebhookEndpoint) -> None:
    client = acme.browser()
    assert (
        "switched off" in client.post(f"/webhooks/{endpoint.pk}/off", follow=True).content.decode()
    )
    client.post(f"/webhooks/{endpoint.pk}/on")
    renewed = client.post(f"/webhooks/{endpoint.pk}/rotate").content.decode()
    assert "whsec_" in renewed
    page = client.post(f"/webhooks/{endpoint.pk}/delete", follow=True).content.decode()
    assert "No webhooks yet" in page


def test_a_mate_reads_and_changes_nothing(acme: Place, endpoint: WebhookEndpoint) -> None:
    client = acme.browser(acme.mate)
    page = client.get(f"/webhooks/{endpoint.pk}").content.decode()
    assert "Renew the secret" not in page
    assert client.post(f"/webhooks/{endpoint.pk}/test").status_code == 403
    assert client.get("/webhooks/new").status_code == 403


def test_a_stranger_finds_nothing(acme: Place, globex: Place, endpoint: WebhookEndpoint) -> None:
    client = globex.browser()
    assert client.get(f"/webhooks/{endpoint.pk}").status_code == 404
    for act in ("rotate", "delete", "test", "on", "off"):
        assert client.post(f"/webhooks/{endpoint.pk}/{act}").status_code == 404
    assert endpoint.url not in client.get("/webhooks").content.decode()
