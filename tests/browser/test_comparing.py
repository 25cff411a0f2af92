"""Jobs compared in a browser: ticked in the list, looked at on one page, passed on as a link."""

from collections.abc import Callable
from typing import Any

import pytest
from modelmill.training.models import Job
from playwright.sync_api import Page, expect

from tests.conftest import Place
from tests.showroom import Showroom, showroom_make


@pytest.fixture
def room(acme: Place, settings: Any, tmp_path: Any, live: str) -> Showroom:
    """A tenant in the middle of its work, behind the running server."""
    settings.MEDIA_ROOT = tmp_path / "storage"
    return showroom_make(acme)


_SWAPPED = """() => new Promise(done =>
  document.body.addEventListener("htmx:afterSwap", () => done(), {once: true}))"""


def test_two_jobs_are_ticked_and_compared(
    room: Showroom,
    sign_in: Callable[..., Page],
    shoot: Callable[..., None],
    check_access: Callable[[Page], None],
) -> None:
    with room.place.scope():
        changed = {**room.job.parameters, "steps": 3000, "channels": 64}
        Job.objects.filter(pk=room.job.pk).update(parameters=changed, seed=11)
    page = sign_in(room.place)
    page.goto("/jobs")
    button = page.get_by_role("button", name="Compare")
    expect(button).to_be_disabled()
    for job in (room.done, room.job):
        # By the keyboard; the list looks again every two seconds meanwhile, and keeps the ticks.
        # The list has just been swapped: the next time is far away.
        page.evaluate(_SWAPPED)
        page.locator(f"#choose-{job.pk}").press("Space")
        expect(page.locator(f"#choose-{job.pk}")).to_be_checked()
    expect(button).to_be_enabled()
    page.wait_for_timeout(2500)
    expect(page.locator(f"#choose-{room.done.pk}")).to_be_checked()
    check_access(page)
    button.press("Enter")
    expect(page.get_by_role("heading", name="Compare jobs")).to_be_visible()
    expect(page.locator("[data-comparing-charts] canvas").first).to_be_visible()
    expect(page.locator("[data-comparing-often] img").first).to_be_visible()
    resolution = page.locator("tr", has=page.get_by_text("resolution", exact=True))
    expect(resolution).to_be_hidden()
    page.get_by_label("Show those that are the same, too").press("Space")
    expect(resolution).to_be_visible()
    page.get_by_label("Show those that are the same, too").press("Space")
    check_access(page)
    shoot(page, "compare")
    slider = page.locator("#sample-step")
    slider.press("Home")
    expect(page.locator("[data-comparing-step]")).not_to_be_empty()
