"""What may be asked of a finished autoencoder."""

import base64
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from modelmill_image_vae.plugin import ImageVae
from modelmill_sdk import CustomerError
from modelmill_sdk.testing import Recorder, predict_once
from PIL import Image

from tests.plugins.image_vae.small import digit_png

pytestmark = pytest.mark.training


def given(row: int) -> str:
    return base64.b64encode(digit_png(row)).decode()


def pixels(path: Path | BytesIO) -> np.ndarray:
    return np.asarray(Image.open(path)).astype(int)


def ask(trained, tmp_path: Path, *inputs: dict, **named) -> list:
    return predict_once(ImageVae, trained[0], inputs, out_dir=tmp_path / "out", **named)


def test_it_rebuilds_a_given_picture(trained, tmp_path) -> None:
    asked = [{"mode": "reconstruct", "image": given(row)} for row in (300, 301)]
    rebuilt = [pixels(path) for path in ask(trained, tmp_path, *asked)]
    originals = [pixels(BytesIO(digit_png(row))) for row in (300, 301)]
    own = abs(rebuilt[0] - originals[0]).mean()
    assert own < abs(rebuilt[0] - originals[1]).mean() / 2


def test_a_data_url_is_the_same_picture(trained, tmp_path) -> None:
    plain = {"mode": "embed", "image": given(3)}
    url = {"mode": "embed", "image": f"data:image/png;base64,{given(3)}"}
    first, second = ask(trained, tmp_path, plain, url)
    assert first == second and len(first["embedding"]) == 16


def test_embeddings_of_like_pictures_are_near(trained, tmp_path) -> None:
    asked = [{"mode": "embed", "image": given(row)} for row in (0, 10, 1)]
    zero, other_zero, one = (
        np.array(result["embedding"]) for result in ask(trained, tmp_path, *asked)
    )
    assert np.linalg.norm(zero - other_zero) < np.linalg.norm(zero - one)


def test_the_way_between_two_pictures_begins_and_ends_with_them(trained, tmp_path) -> None:
    ends = [{"mode": "reconstruct", "image": given(row)} for row in (0, 1)]
    way = [
        {"mode": "interpolate", "image": given(0), "image_to": given(1), "mix": mix}
        for mix in (0, 0.5, 1)
    ]
    first, last, start, middle, end = (pixels(path) for path in ask(trained, tmp_path, *ends, *way))
    assert abs(first - start).max() <= 1 and abs(last - end).max() <= 1
    assert abs(middle - first).max() > 9 and abs(middle - last).max() > 9


def test_a_seed_draws_the_same_bytes_alone_and_in_company(trained, tmp_path) -> None:
    (alone,) = ask(trained, tmp_path, {"seed": 7})
    kept = alone.read_bytes()
    recorder = Recorder()
    company = ask(trained, tmp_path, *({"seed": n} for n in range(20)), recorder=recorder)
    assert company[7].read_bytes() == kept
    assert len({path.read_bytes() for path in company}) == 20
    assert getattr(recorder.messages[-1], "counts", None) == {"images": 20}


@pytest.mark.parametrize(
    ("asked", "param", "words"),
    [
        ({"mode": "reconstruct"}, "image", "Give the picture to reconstruct"),
        ({"mode": "embed", "image": "no base64!"}, "image", "neither base64"),
        ({"mode": "embed", "image": "bm8gcGljdHVyZQ=="}, "image", "PNG, JPEG or WebP"),
        ({"mode": "interpolate", "seed": 1}, "image_to", "the second picture"),
    ],
)
def test_it_says_what_is_missing(trained, tmp_path, asked, param, words) -> None:
    with pytest.raises(CustomerError, match=words) as caught:
        ask(trained, tmp_path, asked)
    assert caught.value.param == param


def test_a_huge_picture_is_refused_by_its_header(trained, tmp_path) -> None:
    encoded = BytesIO()
    Image.new("1", (5000, 10)).save(encoded, "PNG")
    asked = {"mode": "embed", "image": base64.b64encode(encoded.getvalue()).decode()}
    with pytest.raises(CustomerError, match="5000×10 pixels; 4096 a side are the most"):
        ask(trained, tmp_path, asked)
