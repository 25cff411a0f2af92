"""Answers: classes, probabilities, explanations, and what is no picture."""

import base64
import io

import numpy as np
import pytest
from modelmill_image_classification.plugin import ImageClassification
from modelmill_sdk import CustomerError
from modelmill_sdk.protocol import PredictDone
from modelmill_sdk.testing import Recorder, predict_once, train_once
from PIL import Image

from tests.plugins.image_classification.conftest import TINY, blob, blob_png
from tests.plugins.image_classification.small import PREDICT, check, digit_text

pytestmark = pytest.mark.training


def test_it_tells_digits_that_it_has_not_seen(trained) -> None:
    recorder = Recorder()
    results = predict_once(ImageClassification, trained[0], PREDICT, recorder=recorder)
    check(results)
    done = recorder.messages[-1]
    assert isinstance(done, PredictDone) and done.counts == {"images": 10}


def test_a_picture_gets_the_same_answer_alone_and_in_a_batch(trained) -> None:
    inputs = [{"image": digit_text(index)} for index in range(1_100, 1_140)]
    together = predict_once(ImageClassification, trained[0], inputs)
    alone = [predict_once(ImageClassification, trained[0], [one])[0] for one in inputs[::7]]
    assert together[::7] == alone


def test_it_lists_no_more_classes_than_asked_for(trained) -> None:
    (result,) = predict_once(ImageClassification, trained[0], PREDICT[:1], {"top": 3})
    chances = list(result["probabilities"].values())
    assert len(chances) == 3 and chances == sorted(chances, reverse=True)


def test_a_data_url_a_jpeg_and_a_picture_with_transparency_are_read(trained) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (50, 30), "white").save(buffer, format="JPEG")
    jpeg = "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
    buffer = io.BytesIO()
    Image.new("RGBA", (9, 9), (0, 0, 0, 0)).save(buffer, format="PNG")
    clear = base64.b64encode(buffer.getvalue()).decode()
    results = predict_once(ImageClassification, trained[0], [{"image": jpeg}, {"image": clear}])
    assert results[0]["probabilities"] == results[1]["probabilities"]


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        ("no base64!", "not base64"),
        (base64.b64encode(b"no picture").decode(), "no picture that can be read"),
        (base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"\0" * 40).decode(), "no picture"),
    ],
)
def test_what_is_no_picture_is_named(trained, image, reason) -> None:
    with pytest.raises(CustomerError, match=reason) as caught:
        predict_once(ImageClassification, trained[0], [*PREDICT[:1], {"image": image}])
    assert caught.value.param == "inputs.1.image"


def test_the_explanation_points_at_what_is_recognised(colourful, tmp_path) -> None:
    from modelmill_image_classification.explanations import heat_of
    from modelmill_image_classification.models import model_load

    params = {**TINY, "resolution": 32, "epochs": 4}
    model_dir, _ = train_once(ImageClassification, colourful, params, tmp_path)
    image = base64.b64encode(blob_png(0, 999)).decode()
    (result,) = predict_once(ImageClassification, model_dir, [{"image": image}], {"explain": True})
    assert result["explanation"]["method"] == "grad-cam"
    head, _, body = result["explanation"]["picture"].partition(",")
    assert head == "data:image/png;base64"
    assert Image.open(io.BytesIO(base64.b64decode(body))).size == (224, 224)
    classifier = model_load(model_dir, "cpu")
    shares = []
    for seed in range(900, 910):
        pixels = np.array(blob(0, seed).resize((32, 32)))
        heat, _ = heat_of(classifier, pixels, label=0)
        red = (pixels[:, :, 0] > 180) & (pixels[:, :, 2] < 90)
        shares.append(heat[red].mean() / (heat.mean() + 1e-9))
    assert np.mean(shares) > 1.5


def test_where_nothing_in_the_map_speaks_for_it_places_are_covered(
    colourful, tmp_path, monkeypatch
) -> None:
    from modelmill_image_classification import explanations
    from modelmill_image_classification.models import model_load

    params = {**TINY, "resolution": 32, "epochs": 4}
    model_dir, _ = train_once(ImageClassification, colourful, params, tmp_path)
    monkeypatch.setattr(explanations, "_cam", lambda *_: np.zeros((32, 32)))
    pixels = np.array(blob(0, 900).resize((32, 32)))
    heat, method = explanations.heat_of(model_load(model_dir, "cpu"), pixels, label=0)
    assert method == "occlusion" and heat.max() == pytest.approx(1)
