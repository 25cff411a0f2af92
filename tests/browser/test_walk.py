"""A person's whole way, in a real browser before a whole installation: from sign-up to invoice."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from deploy.demo.faces import faces_zip
from deploy.launch.installation import Installation

pytestmark = [pytest.mark.flow, pytest.mark.training, pytest.mark.browser]

EMAIL = "walker@pond.example"
TRAINED_WITHIN_MS = 180_000
PROSE = "".join(
    f"On day {day} the miller wakes before the sun and listens to the water.\n\n"
    for day in range(400)
)


@pytest.fixture
def walker(chromium: Browser, mill: Installation) -> Iterator[Page]:
    """A tab before the running installation."""
    context = chromium.new_context(base_url=mill.url, viewport={"width": 1280, "height": 900})
    context.set_default_timeout(30_000)
    yield context.new_page()
    context.close()


def confirmation_link(mill: Installation) -> str:
    """Find the link in the mail the server printed."""
    for _try in range(100):
        found = re.findall(r"/accounts/confirm-email/[^\s\"<>]+", mill.log("web"))
        if found and EMAIL in mill.log("web"):
            return str(found[-1])
        time.sleep(0.2)
    raise AssertionError("no verification e-mail was printed")


def sign_up(page: Page, mill: Installation) -> None:
    page.goto("/accounts/signup/")
    page.get_by_label("E-mail address").fill(EMAIL)
    page.get_by_label("Password", exact=True).fill("a mill by the pond")
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Check your e-mail")
    page.goto(confirmation_link(mill))
    page.get_by_role("button", name="Yes, confirm").click()
    page.get_by_label("Name of your organisation").fill("Pond Mill")
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Pond Mill")


def bring(page: Page, path: Path) -> None:
    page.goto("/data")
    page.get_by_label("File to upload").set_input_files(path)
    expect(page.get_by_role("heading", level=1)).to_have_text(path.stem)
    # The page finds out by itself that the check has ended.
    expect(page.get_by_role("link", name="Train on this")).to_be_visible(timeout=60_000)


def train(page: Page, plugin: str, name: str, **parameters: str) -> None:
    page.get_by_role("link", name="Train on this").click()
    page.get_by_role("link", name=f"Train {plugin}").click()
    page.get_by_label("Name of the model").fill(name)
    page.get_by_text("More parameters").click()
    for label, value in parameters.items():
        field = page.locator(f"[name=p-{label}]")
        if field.evaluate("field => field.tagName") == "SELECT":
            field.select_option(value)
        else:
            field.fill(value)
    page.get_by_role("button", name="Start training").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    expect(page.get_by_role("link", name="Try it")).to_be_visible(timeout=TRAINED_WITHIN_MS)
    expect(page.locator("#job-live")).to_contain_text("Succeeded")
    expect(page.get_by_role("heading", name="Curves")).to_be_visible()
    expect(page.get_by_role("heading", name="Samples")).to_be_visible()


@pytest.mark.timeout(1_200)
def test_from_sign_up_to_invoice(walker: Page, mill: Installation, tmp_path: Path) -> None:
    page = walker
    sign_up(page, mill)

    bring(page, faces_zip(tmp_path / "faces.zip", count=150, pixels=32))
    expect(page.get_by_role("img")).not_to_have_count(0)
    train(page, "Faces", "portraits", resolution="32", steps="12", samples="2", batch_size="8")
    page.get_by_role("link", name="Try it").click()
    page.get_by_label("How many pictures").fill("2")
    page.get_by_role("button", name="Run").click()
    pictures = page.locator("[data-playground-pictures] img")
    expect(pictures).to_have_count(2, timeout=60_000)
    assert pictures.first.evaluate("image => image.decode().then(() => image.naturalWidth)") == 32
    expect(page.locator("[data-playground-facts]")).to_contain_text("USD")
    expect(page.locator("#history")).to_contain_text("Succeeded")

    text = tmp_path / "prose.txt"
    text.write_text(PROSE)
    bring(page, text)
    train(page, "Text", "miller", steps="10", sample_prompt="The miller", context="64", batch="4")
    page.get_by_role("link", name="Try it").click()
    page.get_by_label("Prompt").fill("The miller")
    page.get_by_label("Length").fill("12")
    page.get_by_role("button", name="Run").click()
    expect(page.locator("[data-playground-facts]")).to_contain_text("USD", timeout=60_000)
    assert page.locator("[data-playground-text]").inner_text().strip()

    page.get_by_role("link", name="Usage").click()
    expect(page.get_by_role("row", name=re.compile("Images Faces"))).to_contain_text("2")
    expect(page.get_by_role("row", name=re.compile("CPU time Faces"))).to_be_visible()
    page.get_by_role("link", name="Images").click()
    expect(page.locator("tbody tr")).to_have_count(1)

    mill.manage("billing_close", "--tenant", "pond-mill", "--now")
    page.get_by_role("link", name="Invoices").click()
    page.locator("tbody a").first.click()
    page.get_by_role("link", name="Images").click()
    expect(page.locator("tbody tr")).to_have_count(1)
