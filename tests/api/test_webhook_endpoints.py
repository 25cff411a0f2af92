"""/v1/webhook_endpoints: made, listed, changed, rotated, tested, deleted."""

import pytest
from modelmill.tenants.models import AuditEntry, WebhookDelivery

from tests.conftest import ApiClient

pytestmark = pytest.mark.django_db
HERE = "/v1/webhook_endpoints"
URL = {"url": "https://example.com/hook"}


@pytest.fixture
def made(acme) -> dict:
    return acme.api.post_json(HERE, URL).json()


def test_it_shows_the_secret_when_made_and_never_again(acme) -> None:
    answer = acme.api.post_json(HERE, {**URL, "event_types": ["fine_tuning.job.failed"]})
    assert answer.status_code == 201
    secret = answer.json()["signing_secret"]
    assert secret.startswith("whsec_")
    listed = acme.api.get(HERE).json()
    assert listed["data"][0]["signing_secret_hint"].endswith(secret[-4:])
    assert secret not in acme.api.get(HERE).content.decode()
    assert listed["data"][0]["event_types"] == ["fine_tuning.job.failed"]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "url"),
        ({"url": "http://example.com/"}, "url"),
        ({"url": "https://user:word@example.com/"}, "url"),
        ({**URL, "event_types": ["tea.served"]}, "event_types.0"),
    ],
)
def test_it_validates(acme, body, param) -> None:
    answer = acme.api.post_json(HERE, body)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)


def test_it_needs_a_permission(acme, made) -> None:
    from modelmill.tenants.services import api_key_create

    with acme.scope():
        _key, secret = api_key_create("read", caller=acme.caller, scopes=["webhooks:read"])
    reader = ApiClient(secret)
    assert reader.get(HERE).status_code == 200
    assert reader.post_json(HERE, URL).status_code == 403
    assert reader.post_json(f"{HERE}/{made['id']}/rotate_secret", {}).status_code == 403


def test_a_new_secret_differs_from_the_old_one(acme, made) -> None:
    rotated = acme.api.post_json(f"{HERE}/{made['id']}/rotate_secret", {}).json()
    assert rotated["signing_secret"] != made["signing_secret"]


def test_it_is_changed_and_deleted_with_its_log(acme, made) -> None:
    path = f"{HERE}/{made['id']}"
    changed = acme.api.post_json(path, {"is_enabled": False, "description": "till"}).json()
    assert (changed["is_enabled"], changed["description"]) == (False, "till")
    assert changed["url"] == URL["url"]
    assert acme.api.post_json(f"{path}/test", {}).status_code == 202
    assert acme.api.delete(path).json()["deleted"] is True
    assert acme.api.get(path).status_code == 404
    with acme.scope():
        assert not WebhookDelivery.objects.exists()
        actions = set(AuditEntry.objects.values_list("action", flat=True))
    assert {"webhook.created", "webhook.changed", "webhook.deleted"} <= actions


def test_deliveries_are_listed_and_sent_again(acme, made) -> None:
    acme.api.post_json(f"{HERE}/{made['id']}/test", {})
    (delivery,) = acme.api.get(f"{HERE}/{made['id']}/deliveries").json()["data"]
    assert (delivery["status"], delivery["event_type"]) == ("pending", "webhook.test")
    again = acme.api.post_json(f"/v1/webhook_deliveries/{delivery['id']}/redeliver", {})
    assert (again.status_code, again.json()["event_id"]) == (202, delivery["event_id"])


def test_there_is_an_end_to_endpoints(acme) -> None:
    for _number in range(20):
        assert acme.api.post_json(HERE, URL).status_code == 201
    answer = acme.api.post_json(HERE, URL)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "conflict")
