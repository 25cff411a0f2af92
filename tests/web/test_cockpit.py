"""The operator's door: staff see every tenant, for all others it is not there."""

import pytest
from django.test import Client
from modelmill.tenants.models import AuditEntry, User

from tests.conftest import Place
from tests.web.test_pages import check_page

PAGES = ["/cockpit", "/cockpit/tenants"]


@pytest.fixture
def operator(db: None) -> Client:
    user = User.objects.create_user("op@mill.example", "a mill by the pond", is_staff=True)
    client = Client()
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    return client


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_a_page_is_whole(path: str, language: str, operator: Client, acme: Place) -> None:
    operator.cookies["django_language"] = language

    response = operator.get(path)

    assert response.status_code == 200
    check_page(response.content.decode())
    assert "Acme" in response.content.decode()


@pytest.mark.parametrize("path", PAGES)
def test_a_tenants_owner_finds_nothing(path: str, acme: Place) -> None:
    assert acme.browser().get(path).status_code == 404
    assert Client().get(path)["Location"].startswith("/accounts/login/")


def test_a_tenant_is_suspended_and_let_work_again(operator: Client, acme: Place) -> None:
    path = f"/cockpit/tenants/{acme.tenant.pk}"

    operator.post(f"{path}/state", {"state": "suspended"})
    acme.tenant.refresh_from_db()
    assert acme.tenant.state == "suspended"
    page = operator.get(path).content.decode()
    check_page(page)
    assert "Tenant suspended" in page and "operator op@mill.example" in page

    operator.post(f"{path}/state", {"state": "active"})
    acme.tenant.refresh_from_db()
    assert acme.tenant.state == "active"


def test_an_owner_cannot_lift_a_suspension(acme: Place) -> None:
    path = f"/cockpit/tenants/{acme.tenant.pk}/state"

    assert acme.browser().post(path, {"state": "active"}).status_code == 404


def test_an_unknown_state_changes_nothing(operator: Client, acme: Place) -> None:
    operator.post(f"/cockpit/tenants/{acme.tenant.pk}/state", {"state": "gone"})

    acme.tenant.refresh_from_db()
    assert acme.tenant.state == "active"
    with acme.scope():
        assert not AuditEntry.objects.filter(actor__startswith="operator").exists()


def test_a_missing_tenant_is_a_404(operator: Client) -> None:
    assert operator.get("/cockpit/tenants/org-nothing").status_code == 404


def test_the_search_finds_by_name(operator: Client, acme: Place, globex: Place) -> None:
    page = operator.get("/cockpit/tenants", {"q": "glob"}).content.decode()

    assert "Globex" in page and "Acme" not in page
