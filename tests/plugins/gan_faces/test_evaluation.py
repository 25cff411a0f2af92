"""How a finished Faces model is measured."""

from pathlib import Path

import pytest
from modelmill_gan_faces.plugin import GanFaces
from modelmill_sdk.protocol import Log, Sample
from modelmill_sdk.testing import Recorder, train_once
from PIL import Image

from tests.plugins.gan_faces.drawn import TINY

pytestmark = pytest.mark.training


def test_it_measures_against_held_out_pictures_and_names_the_features(
    held_out_faces: Path, tmp_path: Path
) -> None:
    recorder = Recorder()
    _, metrics = train_once(GanFaces, held_out_faces, TINY, tmp_path, recorder=recorder)
    assert metrics["pictures_held_out"] == 24 and metrics["pictures_drawn"] == 120
    floor, found = metrics["fid_fixed_conv_v1_real"], metrics["fid_fixed_conv_v1"]
    assert floor is not None and found is not None and 0 < floor < found
    sheets = [m for m in recorder.messages if isinstance(m, Sample) and m.name.startswith("near")]
    assert sheets[0].path is not None
    with Image.open(sheets[0].path) as picture:
        assert picture.size == (8 * 34 - 2, 2 * 34 - 2)


def test_training_brings_it_nearer_to_real_faces(held_out_faces: Path, tmp_path: Path) -> None:
    short = {**TINY, "steps": 10, "samples": 0}
    _, early = train_once(GanFaces, held_out_faces, short, tmp_path / "early", seed=1)
    _, late = train_once(
        GanFaces, held_out_faces, {**short, "steps": 120}, tmp_path / "late", seed=1
    )
    for name in ("kid_fixed_conv_v1", "fid_fixed_conv_v1"):
        before, after = early[name], late[name]
        assert before is not None and after is not None and after < before / 3, (name, early, late)


def test_without_held_out_pictures_it_says_that_nothing_is_measured(
    colour_faces: Path, tmp_path: Path
) -> None:
    recorder = Recorder()
    _, metrics = train_once(GanFaces, colour_faces, TINY, tmp_path, recorder=recorder)
    lines = [m.message for m in recorder.messages if isinstance(m, Log)]
    assert "kid_fixed_conv_v1" not in metrics
    assert any("too few to measure quality by" in line for line in lines)
