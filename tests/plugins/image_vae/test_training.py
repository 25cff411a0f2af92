"""Training the autoencoder: what it leaves, that a seed decides it, and how good it is."""

from pathlib import Path

import pytest
import torch
from modelmill_image_vae.plugin import ImageVae
from modelmill_sdk import CustomerError
from modelmill_sdk.protocol import CheckpointSaved, Log, Sample
from modelmill_sdk.testing import Recorder, dataset_write, train_once, validate_once
from PIL import Image

from tests.plugins.image_vae.conftest import TINY

pytestmark = pytest.mark.training


def weights(model_dir: Path) -> bytes:
    return (model_dir / "model.safetensors").read_bytes()


def test_it_leaves_only_weights_and_a_configuration(trained) -> None:
    names = sorted(path.name for path in trained[0].iterdir())
    assert names == ["config.json", "model.safetensors"]


def test_it_rebuilds_what_it_never_saw(trained) -> None:
    metrics = trained[1]
    # Every digit as the mean digit has an error of 0.2 and a similarity of 0.3.
    assert metrics["rebuilding_error"] < 0.1
    assert metrics["rebuilding_ssim"] > 0.6
    assert metrics["pictures_held_out"] == 40 and metrics["fid_fixed_conv_v1"] > 0
    assert metrics["variety"] > 0.5


def test_a_resumed_training_gives_the_weights_of_an_uninterrupted_one(digits, tmp_path) -> None:
    params = {**TINY, "steps": 9}
    whole, _ = train_once(ImageVae, digits, params, tmp_path / "whole", seed=1)
    recorder = Recorder(stop_at_step=4, reason="pause")
    train_once(ImageVae, digits, params, tmp_path / "half", seed=1, recorder=recorder)
    saved = [m for m in recorder.messages if isinstance(m, CheckpointSaved)]
    assert saved[0].step < 9
    resumed, _ = train_once(
        ImageVae, digits, params, tmp_path / "rest", seed=1, resume_dir=saved[0].path
    )
    assert weights(whole) == weights(resumed)
    other, _ = train_once(ImageVae, digits, params, tmp_path / "other", seed=2)
    assert weights(whole) != weights(other)


def test_it_shows_originals_above_what_it_makes_of_them(digits, tmp_path) -> None:
    recorder = Recorder()
    train_once(ImageVae, digits, TINY, tmp_path, recorder=recorder)
    samples = [m for m in recorder.messages if isinstance(m, Sample)]
    assert [m.step for m in samples] == [3, 6]
    with Image.open(samples[0].path) as sheet:
        assert sheet.size == (8 * 34 - 2, 2 * 34 - 2)


def test_it_stops_when_held_out_pictures_get_no_better(digits, tmp_path) -> None:
    recorder = Recorder()
    params = {**TINY, "steps": 80, "patience": 1, "learning_rate": 1e-9}
    train_once(ImageVae, digits, params, tmp_path, recorder=recorder)
    lines = [m.message for m in recorder.messages if isinstance(m, Log)]
    assert any("the training stopped at step" in line for line in lines)


def test_without_a_validation_split_it_keeps_pictures_back(tmp_path) -> None:
    rows = [{"image": Image.new("L", (32, 32), n)} for n in range(60)]
    data = dataset_write(tmp_path / "data", "images", train=rows)
    recorder = Recorder()
    _, metrics = train_once(ImageVae, data, TINY, tmp_path / "work", recorder=recorder)
    lines = [m.message for m in recorder.messages if isinstance(m, Log)]
    assert lines[0].startswith("54 grey pictures")
    assert "rebuilding_error" not in metrics


def test_memory_that_runs_out_splits_the_batch(digits, tmp_path, monkeypatch) -> None:
    from modelmill_image_vae.networks import Vae

    whole = Vae.encode

    def narrow(self: Vae, pictures: torch.Tensor) -> object:
        if self.training and len(pictures) > 3:
            raise torch.OutOfMemoryError
        return whole(self, pictures)

    monkeypatch.setattr(Vae, "encode", narrow)
    recorder = Recorder()
    train_once(ImageVae, digits, TINY, tmp_path, recorder=recorder)
    lines = [m.message for m in recorder.messages if isinstance(m, Log)]
    assert any("worked through 2 at a time" in line for line in lines)


def test_too_few_and_unreadable_pictures_are_named_before_training(tmp_path) -> None:
    rows = [{"image": {"bytes": b"no picture", "path": "a.png"}}]
    data = dataset_write(tmp_path / "data", "images", train=rows)
    reasons = [problem.reason for problem in validate_once(ImageVae, data)]
    assert reasons[0] == "The training part of this dataset has 1 image; at least 50 are needed."
    assert reasons[1] == "This file is not a picture that can be read."
    with pytest.raises(CustomerError, match="has 1 image"):
        train_once(ImageVae, data, TINY, tmp_path / "work")
