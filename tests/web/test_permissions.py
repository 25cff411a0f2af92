"""Every page, every role: who gets in. A page without a line in the table fails."""

from collections.abc import Iterator
from typing import Final

import pytest
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from modelmill.tenants.models import Member, User
from modelmill.tenants.permissions import ROLE_PERMISSIONS, Role

from tests.conftest import Place

# Page → the permission a GET needs, of several any one ("" = any member); "POST" = it only takes
# forms; None = the page asks for no tenant.
PAGES: Final[dict[str, str | None]] = {
    "landing": None,
    "help": None,
    "help_page": None,
    "welcome": None,
    "switch": None,
    "invitation": None,
    "home": "",
    "team": "",
    "member_role": "POST",
    "member_remove": "POST",
    "invitation_withdraw": "POST",
    "keys": "keys:write",
    "key_new": "keys:write",
    "key_revoke": "POST",
    "webhooks": "webhooks:read",
    "webhook_new": "webhooks:write",
    "webhook": "webhooks:read",
    "webhook_rotate": "POST",
    "webhook_delete": "POST",
    "webhook_test": "POST",
    "webhook_on": "POST",
    "webhook_off": "POST",
    "webhook_redeliver": "POST",
    "audit": "members:write",
    "settings": "members:write billing:write",
    "settings_billing": "POST",
    "notices": "",
    "datasets": "data:read",
    "dataset": "data:read",
    "dataset_delete": "POST",
    "dataset_of_file": "data:read",
    "dataset_picture": "data:read",
    "dataset_problems": "data:read",
    "dataset_problems_csv": "data:read",
    "dataset_rename": "POST",
    "dataset_state": "data:read",
    "dataset_version": "data:read",
    "plugins": "models:read",
    "plugin": "models:read",
    "plugin_example": "models:read",
    "plugin_sample": "models:read",
    "train": "jobs:write",
    "search_new": "jobs:write",
    "searches": "jobs:read",
    "search": "jobs:read",
    "search_cancel": "POST",
    "jobs": "jobs:read",
    "jobs_compare": "jobs:read",
    "jobs_compare_training": "jobs:read",
    "job": "jobs:read",
    "job_metrics_csv": "jobs:read",
    "job_event_file": "jobs:read",
    "job_manifest": "jobs:read",
    "job_cancel": "POST",
    "checkpoint_model": "POST",
    "checkpoint_delete": "POST",
    "job_events": "jobs:read",
    "job_live": "jobs:read",
    "job_finish": "POST",
    "job_pause": "POST",
    "job_resume": "POST",
    "job_sample": "jobs:read",
    "job_training": "jobs:read",
    "models": "models:read",
    "model": "models:read",
    "model_file": "models:download",
    "model_zip": "models:download",
    "model_delete": "POST",
    "alias_new": "POST",
    "alias_remove": "POST",
    "playground": "infer",
    "playground_history": "infer",
    "usage": "billing:read",
    "usage_events": "billing:read",
    "invoices": "billing:read",
    "invoice": "billing:read",
    "invoice_line": "billing:read",
    "invoice_pdf": "billing:read",
}


# What pages answer that want to be told what to show: back to the list, or that it is missing.
WITHOUT_CHOICE: Final = {"jobs_compare": 302, "jobs_compare_training": 400}


def pages() -> Iterator[URLPattern]:
    """Every page of the dashboard, from the URL configuration itself."""
    for entry in get_resolver().url_patterns:
        if isinstance(entry, URLResolver) and entry.namespace == "web":
            yield from (page for page in entry.url_patterns if isinstance(page, URLPattern))


def member_with(place: Place, role: str) -> User:
    user = User.objects.create_user(f"the-{role}@{place.tenant.slug}.example", "a mill by the pond")
    with place.scope():
        Member.objects.create(tenant=place.tenant, user=user, role=role)
    return user


def test_every_page_is_in_the_table() -> None:
    assert {str(page.name) for page in pages()} == set(PAGES)


@pytest.mark.parametrize("role", Role.values)
def test_a_role_opens_what_the_table_says(role: str, acme: Place) -> None:
    client = acme.browser(member_with(acme, role))
    got, want = {}, {}
    for page in pages():
        needs = PAGES[str(page.name)]
        if needs in (None, "POST") or page.pattern.converters:
            continue
        got[page.name] = client.get(reverse(f"web:{page.name}")).status_code
        opens = WITHOUT_CHOICE.get(str(page.name), 200)
        want[page.name] = opens if not needs or ROLE_PERMISSIONS[role] & {*needs.split()} else 403

    assert got == want


@pytest.mark.parametrize("role", Role.values)
def test_the_side_bar_leads_only_where_the_role_may_go(role: str, acme: Place) -> None:
    client = acme.browser(member_with(acme, role))

    links = {
        page.name
        for page in pages()
        if not page.pattern.converters
        and f'<a href="{reverse(f"web:{page.name}")}" class="nav-item"'
        in client.get("/team").content.decode()
    }

    assert "home" in links
    for name in links:
        assert client.get(reverse(f"web:{name}")).status_code == 200, name


def test_a_page_that_takes_forms_is_not_opened_by_a_link(acme: Place) -> None:
    client = acme.browser()
    for page in pages():
        if PAGES[str(page.name)] == "POST":
            words = dict.fromkeys(page.pattern.converters, "1")
            assert client.get(reverse(f"web:{page.name}", kwargs=words)).status_code == 405


@pytest.mark.parametrize("role", Role.values)
def test_who_may_change_the_settings_and_who_the_billing_details(role: str, acme: Place) -> None:
    client = acme.browser(member_with(acme, role))
    settings = {"name": "Acme Mills", "time_zone": "UTC", "language": "en"}
    changed = client.post("/settings", settings).status_code
    billed = client.post("/settings/billing", {"billing_name": "Acme GmbH"}).status_code

    assert changed == (302 if role in (Role.OWNER, Role.ADMIN) else 403)
    assert billed == (302 if role in (Role.OWNER, Role.ADMIN, Role.BILLING) else 403)
    acme.tenant.refresh_from_db()
    assert acme.tenant.name == ("Acme Mills" if changed == 302 else "Acme")
    assert acme.tenant.billing_name == ("Acme GmbH" if billed == 302 else "")
