"""Every page a member can reach by links, once each: whole, narrow enough, and accessible."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.urls import Resolver404, resolve
from playwright.sync_api import Page

from tests.browser.test_shell import is_narrow
from tests.conftest import Place
from tests.showroom import showroom_make
from tests.web.test_pages import check_page

_LINKS = "[...document.querySelectorAll('aside a[href], main a[href]')].map(link => link.href)"
# A reference made by others, and the account pages that test_shell.py visits.
_SKIPPED = ("/docs", "/v1/", "/accounts/")


def route_of(url: str) -> str:
    """Name the page behind a URL; "" for what is none of ours."""
    path = urlsplit(url).path
    try:
        return "" if path.startswith(_SKIPPED) else resolve(path).view_name
    except Resolver404:
        return ""


@pytest.mark.timeout(1_200)
def test_every_page_is_whole_narrow_and_accessible(
    acme: Place,
    live: str,
    sign_in: Callable[..., Page],
    check_access: Callable[[Page], None],
    settings: Any,
    tmp_path: Any,
) -> None:
    settings.MEDIA_ROOT = tmp_path / "storage"
    showroom_make(acme)
    page = sign_in(acme)
    waiting, seen, problems = [f"{live}/home"], {"web:home"}, []
    while waiting:
        url = waiting.pop(0)
        response = page.request.get(url)
        if "text/html" not in response.headers.get("content-type", ""):
            continue
        page.goto(url)
        try:
            assert response.status == 200
            check_page(response.text())
            assert is_narrow(page), "wider than a phone"
            check_access(page)
        except AssertionError as error:
            problems.append(f"{route_of(url)} {urlsplit(url).path}: {error}")
        for link in page.evaluate(_LINKS):
            if link.startswith(live) and (route := route_of(link)) and route not in seen:
                seen.add(route)
                waiting.append(link)

    assert not problems, "\n".join(problems)
    assert len(seen) > 15
