"""An installed base encoder is fine-tuned: here a tiny one, made on the spot."""

import pytest
from modelmill_sdk.testing import predict_once, train_once
from modelmill_text_classification.plugin import TextClassification

from tests.plugins.text_classification.small import PREDICT

pytestmark = pytest.mark.training


def test_a_base_encoder_is_fine_tuned_and_needs_its_base_no_more(
    few, base, tmp_path, monkeypatch
) -> None:
    params = {"method": "encoder", "base": base, "learning_rate": 1e-3, "epochs": 12}
    model_dir, metrics = train_once(TextClassification, few, params, tmp_path / "work", seed=1)
    assert metrics["accuracy"] > 0.65
    monkeypatch.delenv("MODELMILL_BASE_MODELS")
    coding, _emotion = predict_once(TextClassification, model_dir, PREDICT[:2], {"explain": True})
    words = coding["explanation"]["words"]
    assert coding["explanation"]["method"] == "integrated-gradients" and words
