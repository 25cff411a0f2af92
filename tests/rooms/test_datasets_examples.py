"""The example files are what they are called: each passes the check as its own kind.

And each is enough for every plugin whose page offers it.
"""

import io
from pathlib import Path

import pytest
from modelmill.catalog.services import manifest_publish
from modelmill.core.errors import NotFound
from modelmill.datasets.examples import example_make
from modelmill.datasets.models import DatasetVersion, Kind
from modelmill.datasets.selectors import version_for
from modelmill.datasets.services import file_create, version_validate
from modelmill.datasets.services.fetching import version_fetch
from modelmill.training.checks import data_check
from modelmill_sdk import Plugin
from modelmill_sdk.testing import validate_once

from tests.conftest import Place
from tests.shelf import SHIPPED, shipped_manifest

OFFERED = [
    pytest.param(plugin, kind, id=f"{plugin.id}-{kind}")
    for plugin in SHIPPED
    for kind in plugin.accepts
]
# Small to download: a megabyte takes a second at eight megabits.
MOST_BYTES = 1024 * 1024


@pytest.fixture(autouse=True)
def _files(settings, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path / "storage"


@pytest.mark.parametrize("kind", Kind.values)
def test_an_example_is_accepted_whole_as_its_kind(kind: str, acme: Place) -> None:
    name, content = example_make(kind)
    assert (name, content) == example_make(kind)
    assert len(content) < MOST_BYTES
    with acme.scope():
        version = _taken_in(kind, acme)
        assert (version.state, version.kind) == ("ready", kind), version.error_message
        assert version.row_count >= 20
        assert version.problem_count == 0


@pytest.mark.parametrize(("plugin", "kind"), OFFERED)
def test_each_plugin_can_learn_from_each_example_that_its_page_offers(
    plugin: type[Plugin], kind: str, acme: Place, tmp_path: Path
) -> None:
    release = manifest_publish(shipped_manifest(plugin))
    with acme.scope():
        version = _taken_in(kind, acme)
        data_check(version.id, None, release=release)
        folder = version_fetch(version, tmp_path / "data")
    assert validate_once(plugin, folder) == []


def test_there_is_no_example_of_what_is_no_kind() -> None:
    with pytest.raises(NotFound):
        example_make("grain")


def _taken_in(kind: str, place: Place) -> DatasetVersion:
    name, content = example_make(kind)
    file = file_create(io.BytesIO(content), filename=name, purpose="fine-tune", caller=place.caller)
    version_validate(version_for(file.id).id)
    return version_for(file.id)
