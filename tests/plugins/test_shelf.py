"""Every plugin on the shelf keeps every promise that the kit can see."""

from pathlib import Path

import pytest
from modelmill_sdk.testing import check_plugin
from modelmill_sdk.tools.finding import plugins_find

SHELF = sorted(path.parent for path in (Path(__file__).parents[2] / "plugins").glob("*/src"))
# A model's size is not what is checked; a smaller batch spares a minute.
PARAMS = {"text_generation": {"batch": 4, "context": 32}}
FOLDERS = [folder for folder in SHELF if folder.name != "sdk"]


@pytest.mark.training
@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_it_keeps_every_promise(folder, tmp_path) -> None:
    found = plugins_find(str(folder), site=tmp_path)
    assert found
    for one in found:
        check_plugin(one.plugin, params=PARAMS.get(folder.name))
