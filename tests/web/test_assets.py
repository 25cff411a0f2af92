"""The assets' recipe installs anywhere, and pages find what was built."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from modelmill.web import assets

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path, settings: Any) -> Iterator[Path]:
    """A root without built assets."""
    settings.BASE_DIR = tmp_path
    assets._manifest.cache_clear()
    yield tmp_path
    assets._manifest.cache_clear()


def test_the_lock_names_no_registry() -> None:
    lock = json.loads((ROOT / "package-lock.json").read_text())

    assert lock["packages"]
    assert [name for name, entry in lock["packages"].items() if "resolved" in entry] == []


def test_everything_is_locked_by_a_hash() -> None:
    packages = json.loads((ROOT / "package-lock.json").read_text())["packages"]

    bundled = {name for name, entry in packages.items() if entry.get("inBundle")}
    assert [name for name, e in packages.items() if name and "integrity" not in e] == sorted(
        bundled, key=list(packages).index
    )


def test_a_page_finds_the_built_file(folder: Path) -> None:
    (folder / "assets" / "dist").mkdir(parents=True)
    manifest = {"assets/src/app.css": {"file": "built/app-12345678.css"}}
    (folder / "assets" / "dist" / "manifest.json").write_text(json.dumps(manifest))

    assert assets.asset_url("assets/src/app.css") == "/static/built/app-12345678.css"


def test_a_page_without_a_build_has_no_style_and_works(folder: Path) -> None:
    assert assets.asset_url("assets/src/app.css") == ""
