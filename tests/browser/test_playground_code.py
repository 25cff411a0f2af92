"""The code that pages show, copied and run: it does what the playground's button did.

For every plugin of the shelf, trained for seconds on a whole installation, with its form filled in.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from deploy.launch.installation import Installation
from tests.flows.conftest import Customer, customer_new
from tests.flows.test_every_plugin import SHELF, small_of, trained

pytestmark = [pytest.mark.flow, pytest.mark.training, pytest.mark.browser]

# What is filled in, by the name of the field; a path is a file that is chosen.
Form = dict[str, Any]
PICTURE = Path("picture.png")
FORMS: dict[str, list[Form]] = {
    "embeddings": [{"i-text": "Corn's ground."}],
    "gan_faces": [{"p-truncation": "0.5", "i-frames": "2", "i-seed_to": "7"}],
    "image_classification": [{"i-image": PICTURE, "p-top": "2", "p-explain": True}],
    "image_vae": [{}, {"i-mode": "embed", "i-image": PICTURE}],
    "recommendation": [{"i-user": "u0", "i-items": "s1-2\ns1-3", "p-k": "3"}],
    "tabular": [{"i-row": '{"mean_radius": 25.0, "worst_area": null}'}],
    "text_classification": [{"i-text": "It's $5 a `sack`\\, isn't it?", "p-explain": True}],
    "text_generation": [
        {"i-prompt": 'The "software"\nis', "p-max_tokens": "8", "p-stop": "END"},
        {"i-messages": '[{"role": "user", "content": "Hello"}]', "p-max_tokens": "8"},
    ],
}


@pytest.fixture(scope="module")
def shop(mill: Installation) -> Customer:
    return customer_new(mill, "Code Mill")


@pytest.fixture
def page(chromium: Browser, shop: Customer) -> Iterator[Page]:
    """A tab in which the customer is logged in."""
    context = chromium.new_context(base_url=shop.url, viewport={"width": 1280, "height": 900})
    context.set_default_timeout(30_000)
    page = context.new_page()
    page.goto("/accounts/login/")
    page.get_by_label("E-mail address").fill(shop.visitor.email)
    page.get_by_label("Password", exact=True).fill(shop.visitor.password)
    page.locator("main form button[type=submit], main form button.btn-primary").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Code Mill", timeout=30_000)
    yield page
    context.close()


def test_every_plugin_of_the_shelf_has_a_form() -> None:
    assert sorted(FORMS) == sorted(set(SHELF) - {"sdk"})


@pytest.mark.parametrize("name", sorted(FORMS))
def test_the_code_shown_does_what_the_button_did(
    name: str, shop: Customer, page: Page, tmp_path: Path
) -> None:
    from tests.plugins.image_classification.small import digit_png

    model = _model(name, shop, tmp_path)
    (tmp_path / PICTURE).write_bytes(digit_png(3))
    for form in FORMS[name]:
        page.goto(f"/playground?model={model}")
        page.locator("summary").first.evaluate_all("all => all.forEach(one => one.click())")
        _fill(page, form, tmp_path)
        page.get_by_role("button", name="Run").click()
        expect(page.locator("[data-playground-facts]")).to_contain_text("USD", timeout=90_000)
        for part in ("python", "curl"):
            _run(part, page.locator(f"#code-{part}").inner_text(), shop, tmp_path)

    version = shop.client.models.retrieve(model).x_version  # type: ignore[attr-defined]
    shown = page.goto(f"/models/{version}")
    assert shown is not None and shown.ok, page.content()
    for part in ("python", "curl"):
        _run(part, page.locator(f"#{part}").inner_text(), shop, tmp_path)


def _model(name: str, shop: Customer, folder: Path) -> str:
    if name == "embeddings":
        return "embeddings:tiny"
    small = small_of(name)
    file = shop.client.files.create(file=small.dataset_file(folder), purpose="fine-tune")
    shop.client.files.wait_for_processing(file.id, poll_interval=0.3)
    job = shop.client.fine_tuning.jobs.create(
        model=name.replace("_", "-"), training_file=file.id, seed=1, hyperparameters=small.TRAIN
    )
    return trained(shop, job.id)


def _fill(page: Page, form: Form, folder: Path) -> None:
    for field, value in form.items():
        one = page.locator(f"[name={field}]")
        if isinstance(value, Path):
            one.set_input_files(folder / value)
            expect(page.get_by_alt_text("The picture you chose").first).to_be_visible()
        elif value is True:
            one.check()
        elif one.evaluate("field => field.tagName") == "SELECT":
            one.select_option(value)
        else:
            one.fill(value)


def _run(part: str, code: str, shop: Customer, folder: Path) -> None:
    """Run what a person would paste, in a shell of its own; it has to have answered."""
    words = [sys.executable, "-c", code] if part == "python" else ["sh", "-c", code]
    done = subprocess.run(
        words,
        cwd=folder,
        env={"PATH": os.environ["PATH"], "OPENAI_API_KEY": shop.key},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0 and done.stdout.strip(), f"{code}\n\n{done.stdout}\n{done.stderr}"
    if part == "curl":
        assert _is_answer(done.stdout), f"{code}\n\n{done.stdout}"


def _is_answer(text: str) -> bool:
    if text.startswith("data:"):
        return text.rstrip().endswith("[DONE]") and not re.search(r'^data: \{"error"', text, re.M)
    answer = json.loads(text)
    return not answer.get("error") and answer.get("status", "succeeded") == "succeeded"
