"""Naming a tenant, changing its settings, switching between several, reading its log."""

import re
from pathlib import Path

import pytest
from django.test import Client
from modelmill.tenants.models import AuditEntry, Member, Tenant, User
from modelmill.tenants.services import tenant_create, tenant_state_set
from modelmill.web import audit
from modelmill.web.words import action_label

from tests.conftest import Place

SETTINGS = {"name": "Acme Mills", "time_zone": "Asia/Shanghai", "language": "zh-hans"}


@pytest.fixture
def newcomer(db: None) -> Client:
    user = User.objects.create_user("new@person.example", "a mill by the pond")
    client = Client()
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    return client


def test_a_newcomer_is_asked_for_a_tenant_first(newcomer: Client) -> None:
    assert newcomer.get("/home")["Location"] == "/welcome"

    response = newcomer.post("/welcome", {"name": "Pond", "time_zone": "Europe/Oslo"}, follow=True)

    assert "<h1" in response.content.decode() and "Pond" in response.content.decode()
    assert Tenant.objects.get().time_zone == "Europe/Oslo"


def test_a_time_zone_that_does_not_exist_becomes_utc(newcomer: Client) -> None:
    newcomer.post("/welcome", {"name": "Pond", "time_zone": "Moon/Far side"})

    assert Tenant.objects.get().time_zone == "UTC"


@pytest.mark.parametrize("name", ["", "   ", "x" * 101])
def test_a_tenant_needs_a_name(name: str, newcomer: Client) -> None:
    response = newcomer.post("/welcome", {"name": name})

    assert response.status_code == 200 and "field-error" in response.content.decode()
    assert Tenant.objects.count() == 0


def test_the_settings_are_changed(acme: Place) -> None:
    response = acme.browser().post("/settings", SETTINGS, follow=True)

    assert "Saved." in response.content.decode()
    acme.tenant.refresh_from_db()
    assert (acme.tenant.name, acme.tenant.time_zone) == ("Acme Mills", "Asia/Shanghai")


@pytest.mark.parametrize("field", ["name", "time_zone", "language"])
def test_a_wrong_setting_changes_nothing(field: str, acme: Place) -> None:
    value = "" if field == "name" else "nowhere"

    response = acme.browser().post("/settings", {**SETTINGS, field: value})

    assert "field-error" in response.content.decode()
    acme.tenant.refresh_from_db()
    assert acme.tenant.name == "Acme"


def test_the_log_keeps_which_billing_details_were_changed(acme: Place) -> None:
    details = {"billing_name": "Acme GmbH", "billing_address": "", "tax_number": "CH 9"}
    for _again in range(2):
        assert acme.browser().post("/settings/billing", details).status_code == 302

    with acme.scope():
        entry = AuditEntry.objects.get(action="tenant.billing_changed")
    assert entry.detail == {"fields": ["billing_name", "tax_number"]}
    assert "Details on invoices changed" in acme.browser().get("/audit").content.decode()


def test_who_minds_the_bills_sees_the_billing_details_alone(acme: Place) -> None:
    with acme.scope():
        Member.objects.filter(user=acme.mate).update(role="billing")

    page = acme.browser(acme.mate).get("/settings").content.decode()

    assert 'name="tax_number"' in page and 'name="time_zone"' not in page


@pytest.mark.parametrize("path", ["/settings", "/audit"])
def test_a_team_mate_may_not_enter(path: str, acme: Place) -> None:
    assert acme.browser(acme.mate).get(path).status_code == 403


def test_a_person_switches_between_their_tenants_only(acme: Place, globex: Place) -> None:
    second = tenant_create("Second", owner=acme.owner)
    client = acme.browser()

    client.post("/switch", {"tenant": second.pk})
    assert client.session["tenant_id"] == second.pk
    response = client.post("/switch", {"tenant": globex.tenant.pk})

    assert response.status_code == 404
    assert client.session["tenant_id"] == second.pk


def test_a_forged_session_tenant_opens_nothing(acme: Place, globex: Place) -> None:
    client = acme.browser()
    session = client.session
    session["tenant_id"] = globex.tenant.pk
    session.save()

    page = client.get("/team").content.decode()

    assert "globex.example" not in page and "owner@acme.example" in page


def test_a_suspended_tenant_reads_but_does_not_write(acme: Place) -> None:
    tenant_state_set(acme.tenant, state="suspended", actor="operator")

    assert "This organisation is suspended" in acme.browser().get("/team").content.decode()
    assert acme.browser().post("/settings", SETTINGS).status_code == 403


def test_the_log_shows_our_own_acts_only(acme: Place, globex: Place) -> None:
    acme.browser().post("/settings", SETTINGS)

    assert "Settings changed" in acme.browser().get("/audit").content.decode()
    assert "Settings changed" not in globex.browser().get("/audit").content.decode()


@pytest.mark.parametrize("page", ["0", "-1", "x", "٣", "9" * 30, ""])
def test_a_page_number_that_is_none_is_harmless(page: str, acme: Place) -> None:
    assert acme.browser().get("/audit", {"page": page}).status_code == 200


def test_a_suspended_tenants_pages_cannot_work_through_the_api_either(acme: Place) -> None:
    tenant_state_set(acme.tenant, state="suspended", actor="operator")
    browser = acme.browser()

    assert browser.get("/v1/models").status_code == 200
    answer = browser.post("/v1/aliases", {}, content_type="application/json")
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "tenant_suspended")


def test_every_act_in_the_log_has_words() -> None:
    sources = (Path(audit.__file__).parents[1]).rglob("*.py")
    acts = {
        act
        for path in sources
        for act in re.findall(r'audit_record\(\s*"([a-z_.]+)"', path.read_text("utf-8"))
    }

    assert "api_key.created" in acts
    assert {act for act in acts if action_label(act) == act} == set()
