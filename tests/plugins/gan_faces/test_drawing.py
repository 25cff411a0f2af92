"""Drawing with a trained Faces model."""

import json
from pathlib import Path

import pytest
from modelmill_gan_faces.plugin import GanFaces
from modelmill_sdk.testing import Recorder, predict_once, train_once
from PIL import Image

from tests.plugins.gan_faces.drawn import TINY

pytestmark = pytest.mark.training


@pytest.fixture(scope="module")
def colour_model(colour_faces: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_once(GanFaces, colour_faces, TINY, tmp_path_factory.mktemp("model"))[0]


def test_colour_pictures_give_colour_faces(colour_model: Path, tmp_path: Path) -> None:
    (face,) = predict_once(GanFaces, colour_model, [{}], seed=1, out_dir=tmp_path)
    with Image.open(face) as picture:
        assert (picture.mode, picture.size) == ("RGB", (32, 32))


def test_grey_pictures_give_grey_faces(grey_faces: Path, tmp_path: Path) -> None:
    model_dir, _ = train_once(GanFaces, grey_faces, TINY, tmp_path)
    (face,) = predict_once(GanFaces, model_dir, [{}], seed=1)
    with Image.open(face) as picture:
        assert (picture.mode, picture.size) == ("L", (32, 32))


def test_grey_pictures_may_be_learnt_as_colour(grey_faces: Path, tmp_path: Path) -> None:
    model_dir, _ = train_once(GanFaces, grey_faces, {**TINY, "channels": "colour"}, tmp_path)
    assert json.loads((model_dir / "config.json").read_text())["channels"] == 3


def test_a_seed_gives_the_same_bytes_alone_and_in_a_batch(
    colour_model: Path, tmp_path: Path
) -> None:
    (alone,) = predict_once(GanFaces, colour_model, [{"seed": 7}], out_dir=tmp_path / "alone")
    batch = predict_once(
        GanFaces, colour_model, [{"seed": n} for n in range(16)], out_dir=tmp_path / "batch"
    )
    assert alone.read_bytes() == batch[7].read_bytes()
    assert len({face.read_bytes() for face in batch}) == 16


def test_inputs_without_a_seed_follow_the_requests(colour_model: Path, tmp_path: Path) -> None:
    faces = predict_once(GanFaces, colour_model, [{}, {}], seed=3, out_dir=tmp_path / "a")
    (second,) = predict_once(GanFaces, colour_model, [{"seed": 4}], out_dir=tmp_path / "b")
    assert faces[1].read_bytes() == second.read_bytes()
    assert faces[0].read_bytes() != second.read_bytes()


def test_no_face_comes_twice_in_a_request_of_several_batches(
    colour_model: Path, tmp_path: Path
) -> None:
    faces = predict_once(GanFaces, colour_model, [{}] * 20, seed=3, out_dir=tmp_path)
    assert len({face.read_bytes() for face in faces}) == 20


def test_without_truncation_left_every_face_is_the_mean_face(
    colour_model: Path, tmp_path: Path
) -> None:
    faces = predict_once(
        GanFaces, colour_model, [{}, {}, {}], {"truncation": 0}, seed=1, out_dir=tmp_path
    )
    assert len({face.read_bytes() for face in faces}) == 1


def test_it_counts_the_images_it_draws(colour_model: Path, tmp_path: Path) -> None:
    recorder = Recorder()
    predict_once(GanFaces, colour_model, [{}, {}], out_dir=tmp_path, recorder=recorder)
    assert getattr(recorder.messages[-1], "counts", None) == {"images": 2}
