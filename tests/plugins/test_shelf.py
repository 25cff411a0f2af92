"""Every plugin on the shelf keeps every promise that the kit can see."""

from pathlib import Path

import pytest
from modelmill_sdk.conformance.inputs import inputs_make, params_short
from modelmill_sdk.conformance.samples import sample_dataset
from modelmill_sdk.protocol import Progress
from modelmill_sdk.testing import Recorder, check_plugin, predict_once, train_once
from modelmill_sdk.tools.finding import plugins_find
from PIL import Image

from tests.shelf import SHIPPED, shipped_manifest

SHELF = sorted(path.parent for path in (Path(__file__).parents[2] / "plugins").glob("*/src"))
# A model's size is not what is checked; a smaller batch spares a minute.
PARAMS = {"text_generation": {"batch": 4, "context": 32}}
FOLDERS = [folder for folder in SHELF if folder.name != "sdk"]
TRAINED = [folder for folder in FOLDERS if folder.name != "embeddings"]


@pytest.mark.training
@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_it_keeps_every_promise(folder, tmp_path) -> None:
    found = plugins_find(str(folder), site=tmp_path)
    assert found
    for one in found:
        check_plugin(one.plugin, params=PARAMS.get(folder.name))


@pytest.mark.training
@pytest.mark.parametrize("folder", TRAINED, ids=lambda folder: folder.name)
def test_asked_to_finish_it_ends_early_with_a_model(folder, tmp_path) -> None:
    for one in plugins_find(str(folder), site=tmp_path):
        plugin = one.plugin
        data = sample_dataset(tmp_path / "data", plugin.accepts[0])
        params = {**params_short(plugin.TrainParams), **PARAMS.get(folder.name, {})}
        whole, early = Recorder(), Recorder(stop_at_step=2, reason="finish")
        train_once(plugin, data, params, tmp_path / "whole", recorder=whole)
        model_dir, _ = train_once(plugin, data, params, tmp_path / "early", recorder=early)
        assert _last_step(early) < _last_step(whole)
        assert predict_once(plugin, model_dir, inputs_make(plugin.Input, 1))


@pytest.mark.parametrize("plugin", SHIPPED, ids=lambda plugin: plugin.id)
def test_it_shows_what_it_makes(plugin, tmp_path) -> None:
    shown = shipped_manifest(plugin, out_dir=tmp_path)["samples"]
    assert shown
    for sample in shown:
        if sample["kind"] == "text":
            assert sample["text"].startswith("> "), "It says what was asked."
        else:
            with Image.open(sample["path"]) as picture:
                picture.load()


def _last_step(recorder: Recorder) -> int:
    return max(said.step for said in recorder.messages if isinstance(said, Progress))
