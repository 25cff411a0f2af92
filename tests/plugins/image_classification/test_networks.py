"""ResNet, transformer and base models: trained, explained, exported, and learned privately."""

import json
import os

import pytest
import torch
from modelmill_image_classification.plugin import ImageClassification
from modelmill_sdk import CustomerError
from modelmill_sdk.protocol import CheckpointSaved, Log
from modelmill_sdk.testing import Recorder, predict_once, train_once
from safetensors.torch import load_file

from tests.plugins.image_classification.conftest import TINY
from tests.plugins.image_classification.small import PREDICT

pytestmark = pytest.mark.training


@pytest.fixture(scope="module")
def base_root(tmp_path_factory):
    """A folder of base models with one that sees and one that reads, both of random weights."""
    from transformers import ViTConfig, ViTForImageClassification

    root = tmp_path_factory.mktemp("bases")
    torch.manual_seed(0)
    shape = ViTConfig(
        image_size=32,
        patch_size=8,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_labels=7,
    )
    ViTForImageClassification(shape).save_pretrained(root / "tiny-vit")
    moments = {"image_mean": [0.4, 0.5, 0.6], "image_std": [0.2, 0.2, 0.2]}
    (root / "tiny-vit" / "preprocessor_config.json").write_text(json.dumps(moments))
    (root / "writer").mkdir()
    (root / "writer" / "config.json").write_text(json.dumps({"vocab_size": 9}))
    return root


def test_a_base_model_is_fine_tuned_at_its_own_size(base_root, some_digits, tmp_path, monkeypatch):
    monkeypatch.setenv("MODELMILL_BASE_MODELS", str(base_root))
    params = {"network": "base", "base": "tiny-vit", "epochs": 1, "export_int8": True}
    model_dir, metrics = train_once(ImageClassification, some_digits, params, tmp_path)
    described = json.loads((model_dir / "classifier.json").read_text())
    assert (described["resolution"], described["channels"]) == (32, 3)
    assert described["mean"] == [0.4, 0.5, 0.6]
    assert metrics["int8_size_ratio"] < 0.6
    del os.environ["MODELMILL_BASE_MODELS"]
    (result,) = predict_once(ImageClassification, model_dir, PREDICT[:1], {"explain": True})
    assert len(result["probabilities"]) == 10
    assert result["explanation"]["method"] == "occlusion"


def test_only_base_models_that_see_are_offered(base_root, some_digits, tmp_path, monkeypatch):
    monkeypatch.setenv("MODELMILL_BASE_MODELS", str(base_root))
    params = {"network": "base", "base": "writer"}
    with pytest.raises(CustomerError, match=r"Installed: tiny-vit\."):
        train_once(ImageClassification, some_digits, params, tmp_path)


def test_a_resnet_learns_and_is_explained_by_its_own_map(some_digits, tmp_path) -> None:
    params = {**TINY, "network": "resnet", "epochs": 1}
    model_dir, metrics = train_once(ImageClassification, some_digits, params, tmp_path)
    (result,) = predict_once(ImageClassification, model_dir, PREDICT[:1], {"explain": True})
    assert result["explanation"]["method"] == "grad-cam"
    assert 0 <= metrics["accuracy"] <= 1


def test_the_onnx_file_answers_as_the_network_does(some_digits, tmp_path) -> None:
    params = {**TINY, "epochs": 1, "export_onnx": True}
    model_dir, metrics = train_once(ImageClassification, some_digits, params, tmp_path)
    assert (model_dir / "model.onnx").stat().st_size > 1_000
    assert metrics["onnx_largest_difference"] < 1e-3


def test_private_learning_spends_no_more_than_its_budget(many_digits, tmp_path) -> None:
    params = {**TINY, "epochs": 6, "batch_size": 64, "privacy_epsilon": 8}
    _, metrics = train_once(ImageClassification, many_digits, params, tmp_path)
    assert 6 < metrics["privacy_epsilon"] <= 8
    assert metrics["privacy_delta"] == pytest.approx(0.1 / 800)
    assert metrics["accuracy"] > 0.3


def test_private_learning_takes_up_a_checkpoint(some_digits, tmp_path) -> None:
    recorder = Recorder(stop_at_step=3, reason="pause")
    params = {**TINY, "privacy_epsilon": 8}
    train_once(ImageClassification, some_digits, params, tmp_path, recorder=recorder)
    saved = [m for m in recorder.messages if isinstance(m, CheckpointSaved)]
    _, metrics = train_once(
        ImageClassification, some_digits, params, tmp_path, resume_dir=saved[0].path
    )
    assert 6 < metrics["privacy_epsilon"] <= 8


def test_private_learning_in_parts_learns_and_spends_the_same(
    some_digits, tmp_path, monkeypatch
) -> None:
    from modelmill_image_classification.small import SmallNetwork

    # The same dice for both, or their noise would hide what is compared.
    monkeypatch.setattr("secrets.randbits", lambda bits: 5)
    params, recorder = {**TINY, "privacy_epsilon": 8}, Recorder()
    whole, spent = train_once(ImageClassification, some_digits, params, tmp_path / "whole")
    forward = SmallNetwork.forward

    def narrow(self: SmallNetwork, pictures: torch.Tensor) -> torch.Tensor:
        logits = forward(self, pictures)
        if self.training and len(pictures) > 4:
            raise torch.OutOfMemoryError
        return logits

    monkeypatch.setattr(SmallNetwork, "forward", narrow)
    parts, spent_in_parts = train_once(
        ImageClassification, some_digits, params, tmp_path / "parts", recorder=recorder
    )
    logs = " ".join(m.message for m in recorder.messages if isinstance(m, Log))
    assert "did not hold a batch of 16; it is now worked through 4 at a time" in logs
    names = [name for name in spent if name.startswith("privacy")]
    assert [spent[name] for name in names] == [spent_in_parts[name] for name in names] != []
    one, other = (load_file(folder / "model.safetensors") for folder in (whole, parts))
    torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)


def test_private_learning_refuses_other_networks(some_digits, tmp_path) -> None:
    params = {"network": "vit", "privacy_epsilon": 1}
    with pytest.raises(CustomerError, match="with the network small only"):
        train_once(ImageClassification, some_digits, params, tmp_path)
