"""The rooms' pages, filled, in a real browser: they fit, they work, and they are pictured."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone
from modelmill.billing.selectors import invoice_lines
from modelmill.metering.facts import Usage
from modelmill.metering.services import usage_record_many
from playwright.sync_api import Page, expect

from tests.browser.test_shell import is_narrow
from tests.conftest import Place
from tests.showroom import Showroom, showroom_make


@pytest.fixture
def room(acme: Place, settings: Any, tmp_path: Any, live: str) -> Showroom:
    """A tenant in the middle of its work, behind the running server."""
    settings.MEDIA_ROOT = tmp_path / "storage"
    settings.PUBLIC_URL = "https://mill.example"
    return showroom_make(acme)


def pages(room: Showroom) -> dict[str, str]:
    with room.place.scope():
        line = invoice_lines(room.invoice)[0].pk
    return {
        "home-busy": "/home",
        "data": "/data",
        "data-pictures": f"/data/{room.faces.dataset_id}",
        "data-texts": f"/data/{room.prose.dataset_id}",
        "data-problems": f"/data/versions/{room.faces.pk}/problems",
        "plugins": "/plugins",
        "plugin": "/plugins/gan-faces",
        "train": f"/plugins/gan-faces/train?data={room.faces.pk}",
        "jobs": "/jobs",
        "job-done": f"/jobs/{room.done.pk}",
        "job-events": f"/jobs/{room.job.pk}/events",
        "models": "/models",
        "model": f"/models/{room.version.pk}",
        "playground": f"/playground?model={room.version.pk}",
        "playground-text": f"/playground?model={room.writer.pk}",
        "usage": "/usage",
        "usage-events": "/usage/events?meter=images",
        "invoices": "/invoices",
        "invoice": f"/invoices/{room.invoice.pk}",
        "invoice-line": f"/invoices/{room.invoice.pk}/lines/{line}",
    }


# A sample of the customer's own table, and runs side by side, are looked at sideways.
_WIDE = {"data-texts", "compare"}
_SIDEWAYS = """[...document.querySelectorAll(".table-scroll")]
  .filter(one => one.scrollWidth > one.clientWidth).map(one => one.innerText.slice(0, 80))"""


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_a_list_is_read_on_a_phone_without_moving_it_sideways(
    language: str, room: Showroom, sign_in: Callable[..., Page], live: str
) -> None:
    # Whatever the day of the month: a customer who uses very much.
    much = {"cpu_ms": 10**11, "byte_hours": 10**16, "tokens_out": 10**12}
    with room.place.scope():
        usages = [
            Usage(source="test", event_id=meter, meter=meter, qty=qty, occurred_at=timezone.now())
            for meter, qty in much.items()
        ]
        usage_record_many(usages, tenant_id=room.place.tenant.pk)
    page = sign_in(room.place)
    cookie = {"name": "django_language", "value": language, "url": live}
    page.context.add_cookies([cookie])  # type: ignore[list-item]
    page.set_viewport_size({"width": 390, "height": 800})
    more = {"job": f"/jobs/{room.job.pk}", "audit": "/audit", "team": "/team", "keys": "/keys"}
    hidden = {}
    for name, path in {**pages(room), **more}.items():
        page.goto(path)
        if name not in _WIDE and (found := page.evaluate(_SIDEWAYS)):
            hidden[name] = found
    assert hidden == {}


def test_every_page_fits_a_phone(
    room: Showroom, sign_in: Callable[..., Page], shoot: Callable[..., None]
) -> None:
    page = sign_in(room.place)
    wide = []
    for name, path in pages(room).items():
        page.goto(path)
        if not is_narrow(page):
            wide.append(name)
        shoot(page, name)

    assert wide == []


def test_a_running_job_shows_curves_and_samples(
    room: Showroom, sign_in: Callable[..., Page], shoot: Callable[..., None]
) -> None:
    page = sign_in(room.place)
    page.goto(f"/jobs/{room.job.pk}")

    expect(page.get_by_role("heading", name="Curves")).to_be_visible()
    expect(page.locator("canvas")).to_have_count(2)
    expect(page.get_by_text("Step 1,600")).to_be_visible()
    first = page.locator("[data-training-shown] img").get_attribute("src")
    page.get_by_role("slider").press("Home")
    expect(page.get_by_text("Step 400")).to_be_visible()
    assert page.locator("[data-training-shown] img").get_attribute("src") != first
    shoot(page, "job")


def test_a_job_that_ends_shows_its_end_without_a_reload(
    room: Showroom, sign_in: Callable[..., Page]
) -> None:
    from modelmill.training.models import Job

    page = sign_in(room.place)
    page.goto(f"/jobs/{room.job.pk}")
    expect(page.locator("#job-live")).to_contain_text("Running")
    with room.place.scope():
        Job.objects.filter(pk=room.job.pk).update(
            state="failed", lease_until=None, error_message="The loss is not a number."
        )

    expect(page.get_by_role("alert")).to_contain_text("The loss is not a number.")


def test_a_quoted_job_waits_for_a_word_and_goes_on_at_a_click(
    room: Showroom, sign_in: Callable[..., Page], shoot: Callable[..., None]
) -> None:
    from modelmill.training.models import Job

    told = {"quote_first": True, "quote_micro": 130_000, "quote_ms": 760_000, "quote_step": 20}
    with room.place.scope():
        Job.objects.filter(pk=room.job.pk).update(
            state="paused", lease_until=None, step=21, free_ms=4_000, **told
        )
    page = sign_in(room.place)
    page.goto(f"/jobs/{room.job.pk}")
    expect(page.get_by_role("heading", name="It is expected to cost about")).to_be_visible()
    assert is_narrow(page)
    shoot(page, "job-quoted")
    page.get_by_role("button", name="Go on").click()
    expect(page.locator("#job-live")).to_contain_text("Queued")
    expect(page.get_by_role("heading", name="It is expected to cost about")).to_have_count(0)


def test_a_file_is_uploaded_and_shows_its_check(
    room: Showroom, sign_in: Callable[..., Page], tmp_path: Any
) -> None:
    path = tmp_path / "barley.txt"
    path.write_text("barley\nrye\noats\n")
    page = sign_in(room.place)
    page.goto("/data")
    page.get_by_label("File to upload").set_input_files(path)

    expect(page.get_by_role("heading", level=1)).to_have_text("barley")
    expect(page.get_by_text("Your data is being checked")).to_be_visible()


def test_a_big_file_goes_in_parts_and_goes_on_after_a_break(
    room: Showroom, sign_in: Callable[..., Page], tmp_path: Any
) -> None:
    path = tmp_path / "long.txt"
    path.write_bytes(b"a line of barley, rye and oats\n" * 700_000)
    page = sign_in(room.place)
    page.goto("/data")
    sent = []
    page.on("request", lambda request: sent.append(request.url))
    # The second part does not get through, however often it is tried.
    tries = iter(range(100))
    page.route("**/parts", lambda route: route.continue_() if next(tries) == 0 else route.abort())
    page.get_by_label("File to upload").set_input_files(path)
    page.wait_for_function("() => localStorage.getItem('modelmill-upload')")
    page.wait_for_timeout(1500)
    page.on("dialog", lambda dialog: dialog.accept())
    # Leave first: what is still being tried must not get through at the last moment.
    page.goto("/models")
    page.unroute("**/parts")
    page.goto("/data")
    page.get_by_label("File to upload").set_input_files(path)

    expect(page.get_by_role("heading", level=1)).to_have_text("long", timeout=20_000)
    parts = [url for url in sent if re.search(r"/uploads/[^/]+/parts$", url)]
    assert len(set(parts)) == 1, "one upload, gone on with"


def test_a_refused_file_says_why(room: Showroom, sign_in: Callable[..., Page]) -> None:
    page = sign_in(room.place)
    page.goto("/data")
    page.get_by_label("File to upload").set_input_files(
        {"name": "empty.txt", "mimeType": "text/plain", "buffer": b""}
    )

    expect(page.get_by_role("alert")).to_contain_text("The file is empty.")
