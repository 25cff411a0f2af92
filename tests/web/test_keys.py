"""The API keys page: made with scopes and expiry, shown once, revoked for good."""

from datetime import timedelta

import pytest
from django.utils import timezone
from modelmill.tenants.models import ApiKey

from tests.conftest import ApiClient, Place

NEW = {"name": "website", "scopes": ["infer", "models:read"], "lifetime_days": "30"}


def made(place: Place) -> ApiKey:
    with place.scope():
        return ApiKey.objects.get(name="website")


def test_a_key_is_shown_once_and_works(acme: Place) -> None:
    client = acme.browser()

    response = client.post("/keys/new", NEW)

    assert response.status_code == 201
    assert "no-store" in response["Cache-Control"]
    page = response.content.decode()
    secret = page.split('id="secret"')[1].split('value="')[1].split('"')[0]
    assert secret not in client.get("/keys").content.decode()
    assert made(acme).hint in client.get("/keys").content.decode()
    assert ApiClient(secret).get("/v1/nothing").status_code == 404


def test_it_has_the_scopes_and_the_expiry_asked_for(acme: Place) -> None:
    acme.browser().post("/keys/new", NEW)

    key = made(acme)
    assert key.scopes == ["infer", "models:read"]
    assert key.expires_at is not None
    assert abs(key.expires_at - timezone.now() - timedelta(days=30)) < timedelta(minutes=1)


@pytest.mark.parametrize(
    "wrong",
    [
        {**NEW, "name": ""},
        {**NEW, "scopes": []},
        {**NEW, "scopes": ["members:write"]},
        {**NEW, "lifetime_days": "7000"},
        {**NEW, "name": "x" * 101},
    ],
)
def test_it_says_what_is_wrong(wrong: dict[str, str], acme: Place) -> None:
    response = acme.browser().post("/keys/new", wrong)

    assert response.status_code == 200
    assert "field-error" in response.content.decode()
    with acme.scope():
        assert ApiKey.objects.exclude(name="tests").count() == 0


def test_a_team_mate_without_the_right_is_refused(acme: Place) -> None:
    client = acme.browser(acme.mate)

    assert client.get("/keys").status_code == 403
    assert client.post("/keys/new", NEW).status_code == 403
    assert 'href="/keys"' not in client.get("/home").content.decode()


def test_a_strangers_key_is_not_there(acme: Place, globex: Place) -> None:
    acme.browser().post("/keys/new", NEW)

    assert globex.browser().post(f"/keys/{made(acme).pk}/revoke").status_code == 404
    assert "website" not in globex.browser().get("/keys").content.decode()
    assert made(acme).revoked_at is None


def test_a_revoked_key_stays_listed_and_twice_is_harmless(acme: Place) -> None:
    client = acme.browser()
    client.post("/keys/new", NEW)
    path = f"/keys/{made(acme).pk}/revoke"

    client.post(path)
    first = made(acme).revoked_at
    response = client.post(path, follow=True)

    assert first is not None and made(acme).revoked_at == first
    assert "Revoked" in response.content.decode()
