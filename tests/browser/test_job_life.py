"""A job's life as its owner sees it, from its start to its comparison with a second one.

The workers are real processes, and one of them dies; the test sweeps as the beat would.
"""

import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from modelmill.training.models import Checkpoint, Job
from modelmill.training.selectors import access_job
from modelmill.training.services import jobs_sweep
from playwright.sync_api import Locator, Page, expect

from tests.conftest import Place
from tests.faults.conftest import QUICK
from tests.making import fakes_publish, grain_make
from tests.processes import Worker, worker_start

pytestmark = pytest.mark.fault

STEPS = 600
PATIENCE_S = 90


@pytest.fixture
def workers(
    acme: Place, live: str, redis_url: str, settings: Any
) -> Iterator[Callable[[], Worker]]:
    """``workers()`` starts one more training worker; all end with the test."""
    settings.MEDIA_ROOT = settings.VAR_DIR / "storage"
    settings.LEASE_S, settings.HEARTBEAT_S = 6, 1
    fakes_publish()
    started: list[Worker] = []

    def start() -> Worker:
        started.append(worker_start("train", redis_url=redis_url, **QUICK))
        return started[-1]

    yield start
    for worker in started:
        worker.kill()


def _seen(what: Locator) -> None:
    """Wait until the page shows something, sweeping meanwhile."""
    deadline = time.monotonic() + PATIENCE_S
    while not what.is_visible():
        assert time.monotonic() < deadline, f"never seen: {what}"
        jobs_sweep()
        what.page.wait_for_timeout(200)


def _confirm(page: Page, button: str) -> None:
    # A page that was loaded in this state does not load itself anew under the dialog.
    expect(page.locator("#job-live")).to_contain_text("Running")
    page.get_by_role("button", name=button).first.click()
    page.locator("dialog[open]").get_by_role("button", name=button).click()


def _job(acme: Place, page: Page) -> Job:
    with acme.scope():
        return access_job(page.url.rpartition("/")[2])


def test_a_job_is_started_watched_killed_paused_finished_and_compared(
    acme: Place,
    workers: Callable[[], Worker],
    sign_in: Callable[..., Page],
    check_access: Callable[[Page], None],
) -> None:
    data = grain_make(acme)
    page = sign_in(acme)
    page.goto(f"/plugins/fake-learner/train?data={data.id}")
    page.get_by_label("Steps", exact=True).fill(str(STEPS))
    page.get_by_label("Step ms").fill("50")
    page.get_by_label("Name of the model").fill("barley")
    page.get_by_role("button", name="Start training").click()
    _seen(page.get_by_text("No training worker is running", exact=False).first)
    check_access(page)
    job = _job(acme, page)

    first = workers()
    _seen(page.locator("[data-training-charts] canvas").first)
    _seen(page.get_by_text("Training started on", exact=False).first)
    with acme.scope():
        while not Checkpoint.objects.filter(job=job).exists():
            page.wait_for_timeout(100)
    first.kill()
    second = workers()
    _seen(page.get_by_text("Training goes on from step", exact=False).first)
    # The page loads itself anew when the state changes, and shows both attempts.
    page.reload()
    lost = page.get_by_role("row").filter(has_text=re.compile("worker.lost", re.IGNORECASE))
    expect(lost).to_be_visible()

    _confirm(page, "Pause")
    _seen(page.get_by_role("button", name="Resume"))
    paused = _job(acme, page)
    assert 0 < paused.step < STEPS
    check_access(page)
    # Nobody's while it is paused: whoever is there when it is resumed goes on with it.
    second.kill()
    workers()
    page.get_by_role("button", name="Resume").click()
    _seen(page.get_by_role("link", name="See the model"))
    done = _job(acme, page)
    assert (done.state, done.step, done.attempt) == ("succeeded", STEPS, 2)

    page.get_by_role("link", name="Train again").click()
    expect(page.get_by_label("Steps", exact=True)).to_have_value(str(STEPS))
    expect(page.get_by_label("Seed")).to_have_value(str(done.seed))
    page.get_by_label("Step ms").fill("40")
    page.get_by_role("button", name="Start training").click()
    _seen(page.locator("[data-training-charts] canvas").first)
    _confirm(page, "Finish now")
    _seen(page.get_by_role("link", name="See the model"))
    again = _job(acme, page)
    assert again.pk != done.pk and 0 < again.step < STEPS
    assert (again.state, again.early_end) == ("succeeded", "asked")

    # A checkpoint of the first one becomes a model, too.
    page.goto(f"/jobs/{done.pk}")
    check_access(page)
    page.get_by_role("button", name="Make a model").last.click()
    _seen(page.get_by_role("link", name="See the model"))
    made = _job(acme, page)
    assert (made.state, made.early_end) == ("succeeded", "kept")
    with acme.scope():
        checkpoint = Checkpoint.objects.get(pk=made.from_checkpoint_id)
    assert (checkpoint.job_id, checkpoint.step) == (done.pk, made.step)

    page.goto("/jobs")
    for one in (done, again):
        page.locator(f"#choose-{one.pk}").press("Space")
    page.get_by_role("button", name="Compare").click()
    expect(page.get_by_role("heading", name="Compare jobs")).to_be_visible()
    expect(page.locator("[data-comparing-charts] canvas").first).to_be_visible()
    check_access(page)
