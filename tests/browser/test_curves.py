"""A curve in a browser: dragged over, it is drawn finer there; a double click shows all of it."""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from modelmill.training.models import Job
from modelmill.training.services import EventDraft
from modelmill.training.services.events import events_write
from playwright.sync_api import Locator, Page, Request

from tests.conftest import Place
from tests.making import job_make

STEPS = 3000


@pytest.fixture
def job(acme: Place, settings: Any, tmp_path: Any, live: str) -> Job:
    """A job with more points than a curve is drawn from."""
    settings.MEDIA_ROOT = tmp_path / "storage"
    job: Job = job_make(acme)
    drafts = [
        EventDraft(kind="metrics", step=step, values={"loss": 1 / step})
        for step in range(1, STEPS + 1)
    ]
    with acme.scope():
        events_write(drafts, job_id=job.pk, tenant_id=acme.tenant.pk)
        Job.objects.filter(pk=job.pk).update(metrics={"loss": 1 / STEPS}, state="cancelled")
    return job


def _asked(request: Request) -> tuple[int, int]:
    given = parse_qs(urlsplit(request.url).query)
    assert given["names"] == ["loss"]
    return int(given["from_step"][0]), int(given["to_step"][0])


def test_a_stretch_is_fetched_finer_and_a_double_click_shows_all(
    acme: Place, job: Job, sign_in: Callable[..., Page]
) -> None:
    page = sign_in(acme)
    page.goto(f"/jobs/{job.pk}")
    over = page.locator("[data-training-charts] .u-over").first
    over.wait_for()
    box = over.bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    with page.expect_response("**/metrics?*") as answer:
        page.mouse.move(box["x"] + box["width"] * 0.4, middle)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] * 0.5, middle, steps=4)
        page.mouse.up()
    first, last = _asked(answer.value.request)
    assert 1100 < first < 1300 and 1400 < last < 1600
    # Every step of the stretch, where the whole curve shows one in six.
    assert answer.value.json()["step"] == list(range(first, last + 1))
    left = page.locator("[data-training-charts] .u-legend").first
    _stands(page, left, box["x"] + 1, middle, range(first - 12, first + 12))
    page.mouse.dblclick(box["x"] + box["width"] / 2, middle)
    _stands(page, left, box["x"] + 1, middle, range(20))


def _stands(page: Page, legend: Locator, x: float, y: float, steps: range) -> None:
    """Point at a place until its step is one of these: the curve is drawn after the answer."""
    for attempt in range(100):
        page.mouse.move(x, y + attempt % 2)
        step = _step(legend.inner_text())
        if step in steps:
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"step {step} is not in {steps}")


def _step(legend: str) -> int:
    """Read the step the cursor is at, as the legend tells it."""
    found = "".join(letter for letter in legend.split("Loss")[0] if letter.isdigit())
    return int(found or -1)
