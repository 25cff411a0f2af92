"""What holds for every page: it opens, reads well to machines, and runs no inline code."""

import re
from typing import Any

import pytest
from django.test import Client

from tests.conftest import Place

PUBLIC = [
    "/",
    "/accounts/login/",
    "/accounts/signup/",
    "/accounts/password/reset/",
    "/accounts/password/reset/done/",
    "/accounts/password/reset/key/x-y/",
    "/accounts/password/reset/key/done/",
    "/accounts/confirm-email/",
    "/accounts/confirm-email/unknown/",
    "/accounts/inactive/",
]
MEMBERS = [
    "/home",
    "/team",
    "/keys",
    "/keys/new",
    "/settings",
    "/audit",
    "/data",
    "/plugins",
    "/jobs",
    "/models",
    "/playground",
    "/usage",
    "/usage/events",
    "/invoices",
    "/welcome",
    "/accounts/email/",
    "/accounts/password/change/",
    "/accounts/logout/",
    "/accounts/reauthenticate/",
]


def check_page(html: str) -> None:
    """Fail unless the page has the bones that every page has."""
    assert html.count("<h1") == 1
    assert re.search(r'<html lang="(en|zh-Hans)"', html)
    assert re.search(r"<title>\s*[^\s·]", html)
    assert '<a href="#main"' in html and '<main id="main"' in html
    assert not re.search(r"<script(?![^>]*\bsrc=)", html), "inline script"
    assert "<style" not in html and not re.search(r"\sstyle=", html), "inline style"
    assert not re.search(r"\son\w+=", html), "inline handler"
    ids = re.findall(r'\sid="([^"]+)"', html)
    assert len(ids) == len(set(ids)), sorted(i for i in ids if ids.count(i) > 1)
    for control in re.findall(r"<(?:input|select|textarea)\b[^>]*>", html):
        if 'type="hidden"' in control or 'type="radio"' in control:
            continue
        found = re.search(r'\sid="([^"]+)"', control)
        assert "aria-label=" in control or (found and f'for="{found[1]}"' in html), control


@pytest.mark.django_db
@pytest.mark.parametrize("path", PUBLIC)
@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_a_public_page_is_whole(path: str, language: str) -> None:
    response = Client(headers={"accept-language": language}).get(path)

    assert response.status_code == 200
    check_page(response.content.decode())
    assert "script-src 'self'" in response["Content-Security-Policy"]
    assert "style-src 'self'" in response["Content-Security-Policy"]


@pytest.mark.parametrize("path", MEMBERS)
@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_a_members_page_is_whole(path: str, language: str, acme: Place) -> None:
    client = acme.browser()
    client.cookies["django_language"] = language

    response = client.get(path)

    assert response.status_code == 200
    check_page(response.content.decode())
    assert response["Content-Language"] == language


@pytest.mark.django_db
@pytest.mark.parametrize("path", [path for path in MEMBERS if not path.startswith("/accounts")])
def test_a_visitor_is_sent_to_log_in(path: str) -> None:
    response = Client().get(path)

    assert response.status_code == 302
    assert response["Location"].startswith("/accounts/login/?next=")


@pytest.mark.django_db
def test_the_theme_is_in_the_first_byte() -> None:
    client = Client()
    client.cookies["theme"] = "dark"

    assert 'data-theme="mill-dark"' in client.get("/").content.decode()


@pytest.mark.django_db
def test_the_operators_name_and_logo_are_on_the_door(settings: Any) -> None:
    settings.OPERATOR_NAME = "Pond & Sons"
    settings.OPERATOR_LOGO_URL = "/static/pond.svg"

    page = Client().get("/accounts/login/").content.decode()

    assert "Pond &amp; Sons</title>" in page and 'src="/static/pond.svg"' in page
    assert "Modelmill" not in page


@pytest.mark.django_db
def test_a_path_that_leads_nowhere_is_a_page() -> None:
    response = Client().get("/nowhere")

    assert response.status_code == 404
    check_page(response.content.decode())


@pytest.mark.django_db
def test_a_form_without_its_token_is_a_page() -> None:
    response = Client(enforce_csrf_checks=True).post("/accounts/login/", {})

    assert response.status_code == 403
    check_page(response.content.decode())
