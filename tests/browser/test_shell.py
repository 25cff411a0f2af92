"""The dashboard's frame in a real browser, and its pictures for the docs."""

from collections.abc import Callable

import pytest
from django.core import mail
from modelmill.tenants.models import User
from playwright.sync_api import Page, expect

from tests.conftest import Place

PUBLIC = {
    "landing": "/",
    "login": "/accounts/login/",
    "signup": "/accounts/signup/",
    "password-reset": "/accounts/password/reset/",
    "api-reference": "/docs",
    "not-found": "/nowhere",
}
INSIDE = {
    "home": "/home",
    "team": "/team",
    "keys": "/keys",
    "key-new": "/keys/new",
    "settings": "/settings",
    "notices": "/notices",
    "audit": "/audit",
    "email": "/accounts/email/",
    "password-change": "/accounts/password/change/",
    "logout": "/accounts/logout/",
}


def is_narrow(page: Page) -> bool:
    """Say whether nothing sticks out of a phone's width."""
    page.set_viewport_size({"width": 390, "height": 800})
    # Charts follow their window in the next frame.
    wide: bool = page.evaluate(
        """() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(
          () => done(document.documentElement.scrollWidth > innerWidth))))"""
    )
    page.set_viewport_size({"width": 1280, "height": 800})
    return not wide


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_page_fits(
    name: str, page: Page, check_access: Callable[[Page], None], shoot: Callable[..., None]
) -> None:
    page.goto(PUBLIC[name])

    assert is_narrow(page)
    if name != "api-reference":  # not our pages inside
        check_access(page)
    page.reload()
    shoot(page, name)


@pytest.mark.parametrize("name", INSIDE)
def test_a_members_page_fits(
    name: str,
    acme: Place,
    sign_in: Callable[..., Page],
    check_access: Callable[[Page], None],
    shoot: Callable[..., None],
) -> None:
    page = sign_in(acme)
    page.goto(INSIDE[name])

    assert is_narrow(page)
    check_access(page)
    page.reload()
    shoot(page, name)


def test_a_person_signs_up_and_names_a_tenant(
    page: Page, live: str, shoot: Callable[..., None]
) -> None:
    page.goto("/")
    page.get_by_role("link", name="Start for free").click()
    page.get_by_label("E-mail address").fill("new@person.example")
    page.get_by_label("Password", exact=True).fill("a mill by the pond")
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Check your e-mail")
    shoot(page, "verification-sent")

    link = next(word for word in str(mail.outbox[0].body).split() if word.startswith("http"))
    page.goto(link)
    shoot(page, "email-confirm")
    page.get_by_role("button", name="Yes, confirm").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Who are you working for")
    shoot(page, "welcome")
    page.get_by_label("Name of your organisation").fill("Pond & Sons")
    page.get_by_role("button", name="Continue").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Pond & Sons")


def test_a_key_is_shown_once_and_revoked(
    acme: Place, sign_in: Callable[..., Page], shoot: Callable[..., None]
) -> None:
    page = sign_in(acme)
    page.goto("/keys/new")
    page.get_by_label("Name").fill("website")
    page.get_by_role("button", name="Make the key").click()
    secret = page.get_by_label("website").input_value()
    assert secret.startswith("mm_")
    shoot(page, "key-made", reload=False)

    page.get_by_role("link", name="I have stored it").click()
    page.wait_for_load_state()  # dialogs open once their script is there
    assert secret not in page.content()
    row = page.get_by_role("row", name="website")
    row.get_by_role("button", name="Revoke").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()

    expect(page.get_by_role("row", name="website")).to_contain_text("Revoked")


def test_the_menu_opens_on_a_phone_and_closes_by_escape(
    acme: Place, sign_in: Callable[..., Page]
) -> None:
    page = sign_in(acme)
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto("/home")
    menu = page.get_by_role("button", name="Open the menu")
    expect(page.get_by_role("link", name="Team")).not_to_be_visible()

    menu.click()
    expect(page.get_by_role("link", name="Team")).to_be_visible()
    page.keyboard.press("Escape")

    expect(page.get_by_role("link", name="Team")).not_to_be_visible()
    expect(menu).to_be_focused()


@pytest.mark.parametrize("height", [800, 420])
@pytest.mark.parametrize("width", [1280, 390])
def test_a_menu_is_whole_in_a_low_window(
    height: int, width: int, acme: Place, sign_in: Callable[..., Page]
) -> None:
    page = sign_in(acme)
    page.set_viewport_size({"width": width, "height": height})
    page.goto("/home")
    if width < 1000:
        page.get_by_role("button", name="Open the menu").click()
    account = page.locator("summary", has_text="owner@acme.example")
    for summary in (account, page.get_by_label("Switch organisation")):
        # As it stands: a click would bring it into sight by scrolling.
        expect(summary).to_be_in_viewport(ratio=1)
        summary.click()
        last = summary.locator("xpath=..").locator("a, button").last
        expect(last).to_be_in_viewport(ratio=1)


def test_the_theme_is_kept(page: Page) -> None:
    page.goto("/")
    page.get_by_role("button", name="Dark").click()
    page.reload()

    expect(page.locator("html")).to_have_attribute("data-theme", "mill-dark")
    expect(page.get_by_role("button", name="Dark")).to_have_attribute("aria-pressed", "true")


def test_the_language_is_switched_on_the_page(page: Page) -> None:
    page.goto("/accounts/login/")
    page.locator("summary", has_text="English").click()
    page.get_by_role("button", name="简体中文").click()

    expect(page.locator("html")).to_have_attribute("lang", "zh-Hans")


def test_the_dark_theme_reaches_every_part(
    acme: Place, sign_in: Callable[..., Page], shoot: Callable[..., None]
) -> None:
    page = sign_in(acme)
    page.goto("/team")
    page.get_by_role("button", name="Dark").click()
    shoot(page, "team-dark")

    light = page.evaluate(
        "[...document.querySelectorAll('.panel, main, aside, .input, body')].filter(e => {"
        " const c = getComputedStyle(e).backgroundColor.match(/oklch\\(([\\d.]+)/);"
        " return c && Number(c[1]) > 0.5 }).length"
    )
    assert light == 0


def test_the_operator_sees_the_tenants(
    acme: Place,
    sign_in: Callable[..., Page],
    check_access: Callable[[Page], None],
    shoot: Callable[..., None],
) -> None:
    User.objects.filter(pk=acme.owner.pk).update(is_staff=True)
    page = sign_in(acme)
    for name in ("plugins", "workers", "prices", "revenue"):
        page.goto(f"/cockpit/{name}")
        assert is_narrow(page)
        check_access(page)
        page.reload()
        shoot(page, f"cockpit-{name}")
    page.goto("/cockpit")
    shoot(page, "cockpit")
    page.get_by_role("link", name="Acme").click()
    page.wait_for_load_state()
    shoot(page, "cockpit-tenant")
    page.get_by_role("button", name="Suspend").click()
    page.get_by_role("dialog").get_by_role("button", name="Suspend").click()

    expect(page.get_by_role("button", name="Let it work again")).to_be_visible()


def test_an_invitation_is_accepted(
    acme: Place, globex: Place, sign_in: Callable[..., Page], shoot: Callable[..., None]
) -> None:
    acme.browser().post("/team", {"email": globex.owner.email, "role": "viewer"})
    path = "/invitations/" + str(mail.outbox[0].body).split("/invitations/")[1].split()[0]
    page = sign_in(globex)
    page.goto(path)
    shoot(page, "invitation")
    page.get_by_role("button", name="Accept the invitation").click()

    expect(page.get_by_text("Welcome to Acme.")).to_be_visible()
    page.get_by_label("Switch organisation").click()
    page.get_by_role("button", name="Globex").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Globex")


def test_help_is_one_click_away(
    acme: Place,
    sign_in: Callable[..., Page],
    shoot: Callable[..., None],
    check_access: Callable[[Page], None],
) -> None:
    page = sign_in(acme)
    page.goto("/home")
    page.get_by_role("link", name="Help").click()
    expect(page.get_by_role("heading", level=1, name="First steps")).to_be_visible()
    check_access(page)
    shoot(page, "help")
    page.get_by_role("navigation", name="Help").get_by_role("link", name="Data").click()
    expect(page.get_by_role("heading", level=1, name="Data")).to_be_visible()
    assert is_narrow(page)
