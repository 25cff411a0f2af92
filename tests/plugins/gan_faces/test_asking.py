"""What may be asked of a Faces model: labels, and the way from one seed to another."""

from pathlib import Path

import numpy as np
import pytest
from modelmill_gan_faces.plugin import GanFaces
from modelmill_sdk import CustomerError
from modelmill_sdk.testing import predict_once, train_once
from PIL import Image

from tests.plugins.gan_faces.drawn import TINY

pytestmark = pytest.mark.training


@pytest.fixture(scope="module")
def model(colour_faces: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_once(GanFaces, colour_faces, TINY, tmp_path_factory.mktemp("model"))[0]


@pytest.fixture(scope="module")
def labelled_model(labelled_faces: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    params = {**TINY, "steps": 100, "augment": False}
    return train_once(GanFaces, labelled_faces, params, tmp_path_factory.mktemp("model"))[0]


def test_each_label_looks_like_its_pictures(labelled_model: Path, tmp_path: Path) -> None:
    inputs = [{"label": label, "seed": n} for label in ("dark", "pale") for n in range(8)]
    faces = predict_once(GanFaces, labelled_model, inputs, {"truncation": 1}, out_dir=tmp_path)
    middles = [np.asarray(Image.open(face))[12:18, 12:18, 1].mean() for face in faces]
    assert np.mean(middles[:8]) + 40 < np.mean(middles[8:])


def test_a_label_without_pictures_is_refused_and_the_others_named(
    labelled_model: Path, tmp_path: Path
) -> None:
    with pytest.raises(CustomerError, match="Choose one of: dark, pale") as caught:
        predict_once(GanFaces, labelled_model, [{"label": "none"}], out_dir=tmp_path)
    assert caught.value.param == "label"


def test_a_model_without_labels_refuses_one(model: Path, tmp_path: Path) -> None:
    with pytest.raises(CustomerError, match="trained without labels"):
        predict_once(GanFaces, model, [{"label": "dark"}], out_dir=tmp_path)


def test_a_seed_chooses_a_label_where_none_is_given(labelled_model: Path, tmp_path: Path) -> None:
    faces = predict_once(GanFaces, labelled_model, [{"seed": 3}] * 2, out_dir=tmp_path)
    assert faces[0].read_bytes() == faces[1].read_bytes()


def test_labels_may_be_switched_off(labelled_faces: Path, tmp_path: Path) -> None:
    params = {**TINY, "steps": 1, "labels": "off"}
    model_dir, _ = train_once(GanFaces, labelled_faces, params, tmp_path)
    assert '"labels": []' in (model_dir / "config.json").read_text()


def test_the_way_begins_and_ends_with_its_seeds(model: Path, tmp_path: Path) -> None:
    inputs = [
        {"seed": 1},
        {"seed": 2},
        *({"seed": 1, "seed_to": 2, "mix": mix} for mix in (0, 0.5, 1)),
    ]
    first, last, start, middle, end = (
        np.asarray(Image.open(face)).astype(int)
        for face in predict_once(GanFaces, model, inputs, out_dir=tmp_path)
    )
    assert abs(first - start).max() <= 1 and abs(last - end).max() <= 1
    assert abs(middle - first).max() > 1 and abs(middle - last).max() > 1


def test_frames_lay_the_whole_way_out_in_one_picture(model: Path, tmp_path: Path) -> None:
    asked = {"seed": 1, "seed_to": 2, "frames": 5}
    (way,) = predict_once(GanFaces, model, [asked], out_dir=tmp_path)
    with Image.open(way) as picture:
        assert picture.size == (5 * 34 - 2, 32)


def test_a_model_of_the_first_release_still_draws(model: Path, tmp_path: Path) -> None:
    import json

    path = model / "config.json"
    config = json.loads(path.read_text())
    before = predict_once(GanFaces, model, [{"seed": 1}], out_dir=tmp_path / "a")[0].read_bytes()
    old = {name: value for name, value in config.items() if not name.startswith("label")}
    try:
        path.write_text(json.dumps(old))
        again = predict_once(GanFaces, model, [{"seed": 1}], out_dir=tmp_path / "b")[0]
        assert again.read_bytes() == before
        path.write_text(json.dumps({**config, "architecture": "modelmill-faces-9"}))
        with pytest.raises(CustomerError, match="modelmill-faces-9"):
            predict_once(GanFaces, model, [{"seed": 1}], out_dir=tmp_path / "c")
    finally:
        path.write_text(json.dumps(config))
