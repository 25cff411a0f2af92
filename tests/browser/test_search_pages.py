"""A search in a browser: asked for in a form, and its trials watched."""

from collections.abc import Callable
from typing import Any

import pytest
from modelmill.training.searches.models import Trial
from modelmill.training.searches.selectors import access_search
from modelmill.training.searches.services import trial_begin
from playwright.sync_api import Page, expect

from tests.conftest import Place
from tests.showroom import Showroom, showroom_make


@pytest.fixture
def room(acme: Place, settings: Any, tmp_path: Any, live: str) -> Showroom:
    """A tenant in the middle of its work, behind the running server."""
    settings.MEDIA_ROOT = tmp_path / "storage"
    return showroom_make(acme)


def test_a_search_is_asked_for_and_watched(
    room: Showroom,
    sign_in: Callable[..., Page],
    shoot: Callable[..., None],
    check_access: Callable[[Page], None],
) -> None:
    page = sign_in(room.place)
    page.goto("/plugins/gan-faces")
    page.get_by_role("link", name="Search for the best parameters").click()
    check_access(page)
    shoot(page, "search-new")
    page.get_by_label("Steps", exact=True).fill("400 .. 4000")
    page.get_by_role("button", name="Begin the search").click()
    expect(page.get_by_text("The first trials begin in a moment.")).to_be_visible()
    with room.place.scope():
        search = access_search(page.url.rpartition("/")[2])
        for number, (steps, value) in enumerate(((400, 0.61), (1200, 0.325), (2600, None))):
            trial = trial_begin(search, number=number, parameters={"steps": steps})
            if value is not None:
                Trial.objects.filter(pk=trial.pk).update(outcome="complete", value=value)
    expect(page.get_by_role("heading", name="The best is trial 2")).to_be_visible()
    check_access(page)
    shoot(page, "search")
    page.goto("/searches")
    expect(page.get_by_role("link", name="Faces")).to_be_visible()
    shoot(page, "searches")
