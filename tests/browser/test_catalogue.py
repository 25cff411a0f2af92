"""The catalogue in a browser: a plugin's page, and the operator's switches."""

from collections.abc import Callable
from importlib.metadata import EntryPoint, version
from typing import Any

import pytest
from modelmill.catalog.services import manifest_publish, plugin_quarantine
from modelmill.tenants.models import User
from modelmill_embeddings.folders import tiny_write
from modelmill_embeddings.plugin import Embeddings
from modelmill_sdk.bases import ROOT_VARIABLE
from modelmill_sdk.describing import manifest_make as plugin_manifest
from playwright.sync_api import Page, expect

from tests.browser.test_shell import is_narrow
from tests.conftest import Place
from tests.making import manifest_make
from tests.showroom import Showroom, showroom_make

TRACEBACK = """Traceback (most recent call last):
  File "plugin.py", line 3, in <module>
    import jax
ModuleNotFoundError: No module named 'jax'
"""


@pytest.fixture
def room(acme: Place, settings: Any, tmp_path: Any, live: str) -> Showroom:
    """A tenant in the middle of its work, behind the running server."""
    settings.MEDIA_ROOT = tmp_path / "storage"
    return showroom_make(acme)


def test_a_plugins_page_shows_its_samples_and_gives_an_example(
    room: Showroom, sign_in: Callable[..., Page]
) -> None:
    page = sign_in(room.place)
    page.goto("/plugins/gan-faces")

    picture = page.get_by_role("img", name="Drawn faces")
    picture.scroll_into_view_if_needed()
    page.wait_for_function("document.querySelector('figure img').naturalWidth > 0")
    with page.expect_download() as downloading:
        page.get_by_role("link", name="Download an example of: Images").click()

    assert downloading.value.suggested_filename == "example-images.zip"


def test_a_model_that_needs_no_training_is_found_and_tried(
    acme: Place,
    live: str,
    settings: Any,
    tmp_path: Any,
    monkeypatch: pytest.MonkeyPatch,
    sign_in: Callable[..., Page],
    check_access: Callable[[Page], None],
    shoot: Callable[..., None],
) -> None:
    settings.MEDIA_ROOT = tmp_path / "storage"
    tiny_write(tmp_path / "bases" / "all-minilm")
    monkeypatch.setenv(ROOT_VARIABLE, str(tmp_path / "bases"))
    entry_point = EntryPoint("embeddings", "modelmill_embeddings.plugin", "modelmill")
    manifest_publish(plugin_manifest(Embeddings, entry_point=entry_point).model_dump(mode="json"))
    page = sign_in(acme)
    page.goto("/plugins/embeddings")
    expect(page.get_by_text("16 dimensions")).to_be_visible()
    assert is_narrow(page)
    check_access(page)
    shoot(page, "plugin-installed")
    page.get_by_role("link", name="Try embeddings:all-minilm").click()
    expect(page.get_by_label("Text")).to_be_visible()
    page.goto("/models")
    page.get_by_role("link", name="embeddings:all-minilm").first.click()
    expect(page.get_by_text("by your operator")).to_be_visible()
    expect(page.get_by_role("button", name="Delete")).to_have_count(0)
    assert is_narrow(page)
    check_access(page)
    shoot(page, "model-installed")


def test_the_operator_sees_what_broke_and_decides_who_may_use_what(
    room: Showroom,
    sign_in: Callable[..., Page],
    check_access: Callable[[Page], None],
    shoot: Callable[..., None],
) -> None:
    faces = {"title": "Faces", "distribution": "modelmill-gan-faces"}
    manifest_publish(
        manifest_make("gan-faces", version="0.0.9", digest="sha256:4e02", **faces),
        python="/srv/plugins/faces-0/bin/python",
    )
    changed = manifest_make(
        "gan-faces", version=version("modelmill-gan-faces"), digest="sha256:7f21", **faces
    )
    assert manifest_publish(changed).doubt == "digest"
    plugin_quarantine(
        entry_point="voices", distribution="mill-voices", traceback=TRACEBACK, python=""
    )
    User.objects.filter(pk=room.place.owner.pk).update(is_staff=True)
    page = sign_in(room.place)
    page.goto("/cockpit/plugins")
    page.get_by_text("mill-voices").click()
    assert is_narrow(page)
    check_access(page)
    shoot(page, "cockpit-plugins")
    page.goto("/cockpit/plugins/gan-faces")
    assert is_narrow(page)
    check_access(page)
    shoot(page, "cockpit-plugin")
    page.get_by_label("Starter").select_option("off")
    page.get_by_role("button", name="Save").click()

    expect(page.get_by_label("Starter")).to_have_value("off")
    page.goto(f"/cockpit/tenants/{room.place.tenant.pk}")
    assert is_narrow(page)
    shoot(page, "cockpit-tenant")
