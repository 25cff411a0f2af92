"""The playground in a real browser: what is filled in, chosen, refused and shown."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from modelmill.catalog.services import manifest_publish
from modelmill.core.storage import blob_write
from modelmill.registry.services import Lineage, version_publish
from playwright.sync_api import Page, Route, expect

from deploy.demo.faces import face_png
from tests.browser.test_shell import is_narrow
from tests.conftest import Place
from tests.making import manifest_make
from tests.showroom import Showroom, showroom_make

PICTURE = face_png(3, pixels=64)
INPUT: dict[str, Any] = {
    "type": "object",
    "properties": {
        "photo": {
            "type": "string",
            "title": "Photo",
            "maxLength": 40_000,
            "contentEncoding": "base64",
            "contentMediaType": "image/*",
        },
        "turns": {"type": "array", "title": "Turns", "items": {"type": "object"}},
    },
    "required": ["photo"],
}


@pytest.fixture
def page(acme: Place, sign_in: Callable[..., Page], settings: Any, tmp_path: Any) -> Page:
    """The playground of a model that looks at a picture."""
    settings.MEDIA_ROOT = tmp_path / "storage"
    release = manifest_publish(
        manifest_make("looker", input_schema=INPUT, meters={"tokens_in": "", "looks": "Looks"})
    )
    with acme.scope():
        lineage = Lineage(release=release, job_id="ftjob-1", dataset_version_id="dsv-1")
        version = version_publish({"w": blob_write([b"w"])}, lineage=lineage)
    page = sign_in(acme)
    page.goto(f"/playground?model={version.pk}")
    return page


def _answering(page: Page, *outputs: dict[str, Any]) -> list[dict[str, Any]]:
    """Let the API answer with these outputs; return the bodies that it gets."""
    asked: list[dict[str, Any]] = []

    def answer(route: Route) -> None:
        asked.append(route.request.post_data_json)
        timing = {"queue_ms": 1, "load_ms": 0, "compute_ms": 2}
        usage = {"tokens_in": 4, "looks": 1}
        done = {"id": "pred-1", "status": "succeeded", "outputs": outputs, "error": None}
        done |= {"timing": timing, "usage": usage, "cost_micro": 5, "model_state": "warm"}
        route.fulfill(json=done)

    page.route("**/v1/predictions", answer)
    return asked


def _choose(page: Page, content: bytes = PICTURE) -> None:
    page.get_by_label("Photo").set_input_files(
        {"name": "a face's.png", "mimeType": "image/png", "buffer": content}
    )


def test_a_picture_is_chosen_shown_and_sent_as_base64(
    page: Page, check_access: Callable[[Page], None]
) -> None:
    asked = _answering(page, {"type": "text", "text": "a face"})
    _choose(page)
    preview = page.get_by_alt_text("The picture you chose")
    expect(preview).to_be_visible()
    assert preview.evaluate("image => image.decode().then(() => image.naturalWidth)") == 64
    code = page.locator("#code-python").inner_text()
    assert 'Path("a face\'s.png").read_bytes()' in code
    assert base64.b64encode(PICTURE).decode()[:40] not in code
    check_access(page)

    page.get_by_role("button", name="Run").click()
    expect(page.locator("[data-playground-text]")).to_have_text("a face")
    assert asked[0]["inputs"] == [{"photo": base64.b64encode(PICTURE).decode()}]
    page.get_by_role("button", name="Remove").click()
    expect(preview).to_be_hidden()
    expect(page.get_by_label("Photo")).to_be_focused()


def test_a_call_waits_for_a_picture_that_is_still_read(page: Page) -> None:
    asked = _answering(page, {"type": "text", "text": "a face"})
    page.evaluate(
        """() => {
            const read = FileReader.prototype.readAsDataURL;
            const held = new Promise((resolve) => { window.goOn = resolve; });
            FileReader.prototype.readAsDataURL = function (file) {
                held.then(() => read.call(this, file));
            };
        }"""
    )
    run, stop = (page.get_by_role("button", name=name) for name in ("Run", "Stop"))
    _choose(page)
    run.click()
    expect(run).to_be_disabled()
    stop.click()
    expect(run).to_be_enabled()
    run.click()
    expect(run).to_be_disabled()
    page.wait_for_timeout(300)
    assert asked == []
    page.evaluate("window.goOn()")
    expect(page.locator("[data-playground-text]")).to_have_text("a face")
    assert [body["inputs"] for body in asked] == [[{"photo": base64.b64encode(PICTURE).decode()}]]


def test_a_picture_that_is_too_big_is_said_to_be(page: Page) -> None:
    _choose(page, bytes(30_001))
    expect(page.locator("[data-file-problem]")).to_contain_text("too big")
    expect(page.get_by_alt_text("The picture you chose")).to_be_hidden()
    _choose(page)
    expect(page.locator("[data-file-problem]")).to_be_hidden()


def test_pictures_in_an_answer_are_shown_as_pictures(page: Page) -> None:
    encoded = base64.b64encode(PICTURE).decode()
    why = {"label": "face", "picture": f"data:image/png;base64,{encoded}", "bare": encoded}
    value = {"label": "face", "explanation": why, "embedding": [0.5] * 400}
    _answering(page, {"type": "json", "value": value})
    _choose(page)
    page.get_by_role("button", name="Run").click()

    expect(page.locator("[data-playground-pictures] img")).to_have_count(2)
    text = page.locator("[data-playground-text]").inner_text()
    assert "Picture 1" in text and encoded[:40] not in text
    assert len(text.splitlines()) < 15
    facts = page.locator("[data-playground-facts]")
    expect(facts).to_contain_text("Looks")
    expect(facts).to_contain_text("Tokens read")
    expect(facts).not_to_contain_text("tokens_in")
    assert is_narrow(page)


@pytest.mark.parametrize(
    ("text", "said"),
    [('[{"role": user}]', "“Turns” is not JSON"), ('{"role": "user"}', "“Turns” has to be a list")],
)
def test_text_that_is_no_json_is_said_to_be(page: Page, text: str, said: str) -> None:
    asked = _answering(page)
    field = page.get_by_label("Turns")
    field.fill(text)
    page.get_by_role("button", name="Run").click()

    expect(page.get_by_role("alert").filter(has_text=said)).to_be_visible()
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_be_focused()
    assert asked == []
    field.fill('[{"role": "user"}]')
    page.get_by_role("button", name="Run").click()
    expect(page.locator("[data-playground-facts]")).to_be_visible()
    assert json.loads(field.input_value()) == asked[0]["inputs"][0]["turns"]


def test_the_code_for_faces_is_what_the_button_sends(
    acme: Place, sign_in: Callable[..., Page], settings: Any, tmp_path: Any
) -> None:
    settings.MEDIA_ROOT = tmp_path / "storage"
    room: Showroom = showroom_make(acme)
    page = sign_in(acme)
    page.goto(f"/playground?model={room.version.pk}")
    asked = _answering(page)
    page.get_by_role("button", name="Run").click()
    expect(page.locator("[data-playground-facts]")).to_be_visible()

    python = page.locator("#code-python").inner_text()
    body = json.loads(page.locator("#code-curl").inner_text().split("-d '")[1].rstrip("'"))
    assert body == asked[0] and "images.generate" not in python
    namespace: dict[str, Any] = {}
    exec(python[python.index("body = ") : python.index("wait = ")], namespace)
    assert namespace["body"] == asked[0]


def test_a_page_whose_script_is_still_on_its_way_loses_nothing(page: Page) -> None:
    page.route("**/*.js", lambda route: route.fulfill(content_type="text/javascript"))
    page.reload()
    expect(page.get_by_role("button", name="Run")).to_be_disabled()
    # Enter sends no form, either: its button is off.
    page.get_by_label("Seed", exact=True).press("Enter")
    assert "?model=" in page.url
