"""A real browser in front of the real server: Chromium, found or skipped aloud."""

import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest
from django.conf import settings
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Error, Page, expect, sync_playwright
from pytest_django.live_server_helper import LiveServer

from tests.conftest import Place

# The browser's driver runs an event loop in this thread; database calls beside it are fine.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")

SCREENSHOTS = Path(__file__).parents[2] / "docs" / "screenshots"
WIDTHS = {"desktop": 1280, "phone": 390}
LANGUAGES = ("en", "zh-hans")
TALLEST_PX = 2400
# How long a loaded machine may take; what is there is not waited for.
PATIENCE_MS = 30_000
ARGUMENTS = [
    "--no-sandbox",
    "--headless=new",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

_RUN_AXE = """;
axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]}).then(result =>
  result.violations.map(one => [one.id, ...one.nodes.map(node => node.html + node.failureSummary)]))
"""

Shoot = Callable[..., None]

expect.set_options(timeout=PATIENCE_MS)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is in this folder, so that it runs once and not on each database."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The machine's Chromium, else Playwright's own; without either the test is skipped."""
    if not (settings.BASE_DIR / "assets" / "dist" / "manifest.json").exists():
        pytest.skip("BROWSER TESTS SKIPPED: no built assets; run `npm ci && npm run build`.")
    with sync_playwright() as driver:
        system = Path("/usr/bin/chromium")
        path = str(system) if system.exists() else None
        try:
            browser = driver.chromium.launch(executable_path=path, args=ARGUMENTS)
        except Error as error:
            first = str(error).splitlines()[0]
            pytest.skip(
                "BROWSER TESTS SKIPPED: no Chromium could be started. Install Debian's `chromium` "
                f"or run `playwright install chromium`. ({first})"
            )
        yield browser
        browser.close()


@pytest.fixture
def live(transactional_db: None, live_server: LiveServer) -> str:
    """The address of the running server; its database is the test's."""
    return str(live_server.url)


@pytest.fixture
def context(chromium: Browser, live: str) -> Iterator[BrowserContext]:
    """A fresh browser profile at desktop width that fails the test on any script error."""
    context = chromium.new_context(
        base_url=live,
        viewport={"width": WIDTHS["desktop"], "height": 800},
        locale="en-GB",
        reduced_motion="reduce",
    )
    context.set_default_timeout(PATIENCE_MS)
    problems: list[str] = []
    context.on("weberror", lambda error: problems.append(str(error.error)))
    context.on("console", lambda line: _note(problems, line))
    yield context
    context.close()
    assert problems == [], "the page complained"


@pytest.fixture
def page(context: BrowserContext) -> Page:
    """A tab nobody is logged in at."""
    return context.new_page()


@pytest.fixture
def sign_in(context: BrowserContext, live: str) -> Callable[..., Page]:
    """``sign_in(place, user=None)``: a tab with that tenant's owner, or the user, logged in."""

    def sign_in(place: Place, user: Any = None) -> Page:
        session = place.browser(user).cookies["sessionid"].value
        context.add_cookies([{"name": "sessionid", "value": session, "url": live}])
        return context.new_page()

    return sign_in


@pytest.fixture
def shoot() -> Shoot:
    """``shoot(page, "name")``: picture the page for docs/, when SCREENSHOTS=1 asks for it.

    Both widths in both languages; ``reload=False`` keeps a page that cannot be
    asked for twice (such as a key's only showing) in the language it has.
    """

    def shoot(page: Page, name: str, *, reload: bool = True) -> None:
        if os.environ.get("SCREENSHOTS") != "1":
            return
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        for language in LANGUAGES if reload else LANGUAGES[:1]:
            if reload:
                _speak(page, language)
            for width_name, width in WIDTHS.items():
                page.set_viewport_size({"width": width, "height": 800})
                page.wait_for_timeout(250)  # charts redraw to the new width
                code = language.split("-", maxsplit=1)[0]
                _save(page, SCREENSHOTS / f"{name}.{width_name}.{code}.webp")
        page.set_viewport_size({"width": WIDTHS["desktop"], "height": 800})
        if reload:
            _speak(page, LANGUAGES[0])

    return shoot


@pytest.fixture
def check_access() -> Callable[[Page], None]:
    """``check_access(page)``: fail on what axe finds against WCAG 2.2 AA, in both themes."""
    script = settings.BASE_DIR / "node_modules" / "axe-core" / "axe.min.js"
    if not script.exists():
        pytest.skip("ACCESSIBILITY TESTS SKIPPED: no axe-core; run `npm ci`.")
    source = script.read_text("utf-8")

    def check_access(page: Page) -> None:
        page.wait_for_load_state()  # a click returns as soon as the next page has begun
        for theme in ("light", "dark"):
            page.evaluate(
                "theme => document.documentElement.dataset.theme = `mill-${theme}`", theme
            )
            page.wait_for_timeout(200)  # colours fade over; half-way ones would count
            found = page.evaluate(source + _RUN_AXE)
            assert found == [], f"{page.url} ({theme})"

    return check_access


def _speak(page: Page, language: str) -> None:
    cookie = {"name": "django_language", "value": language, "url": urljoin(page.url, "/")}
    page.context.add_cookies([cookie])  # type: ignore[list-item]
    page.reload(wait_until="load")


def _save(page: Page, path: Path) -> None:
    # A window as tall as the page, so that what fills the window's height looks as it should.
    height = min(page.evaluate("document.documentElement.scrollHeight"), TALLEST_PX)
    page.set_viewport_size({"width": page.viewport_size["width"], "height": height})
    picture = Image.open(io.BytesIO(page.screenshot()))
    picture.convert("RGB").save(path, "WEBP", quality=72, method=6)


def _note(problems: list[str], line: Any) -> None:
    # The browser reports every answer with an error. The API's refusals are what some tests look
    # at, on the page; one test asks for a page that is not there.
    url = line.location.get("url", "")
    is_asked_for = "/v1/" in url or url.endswith("/nowhere")
    if line.type == "error" and not is_asked_for:
        problems.append(f"{line.text} {line.location.get('url', '')}")
