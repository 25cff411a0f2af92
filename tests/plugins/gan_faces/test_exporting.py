"""The generator as an ONNX file draws what the model draws."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from modelmill_gan_faces.drawing import latents_of, model_load
from modelmill_gan_faces.plugin import GanFaces
from modelmill_sdk.testing import train_once

from tests.plugins.gan_faces.drawn import TINY

pytestmark = pytest.mark.training


@pytest.mark.parametrize("faces", ["colour_faces", "labelled_faces"])
def test_the_onnx_file_draws_what_the_generator_draws(
    faces: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    params = {**TINY, "steps": 2, "export_onnx": True}
    model_dir, metrics = train_once(GanFaces, request.getfixturevalue(faces), params, tmp_path)
    path = model_dir / "generator.onnx"
    assert metrics["onnx_difference"] is not None and metrics["onnx_difference"] < 1e-3
    assert metrics["onnx_size_bytes"] == path.stat().st_size
    model = model_load(model_dir, "cpu")
    latents = latents_of([3, 4, 5], latent_size=model.config.latent_size)
    labels = torch.tensor([0, 1, 1]) if model.config.labels else None
    given = {"latents": latents.numpy(), "truncation": np.full((3, 1), 0.5, dtype=np.float32)}
    if labels is not None:
        given["labels"] = labels.numpy()
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (theirs,) = session.run(None, given)
    ours = model.generator(latents, labels, truncation=0.5).numpy()
    assert theirs.shape == (3, 3, 32, 32)
    np.testing.assert_allclose(theirs, ours, atol=1e-3)
