"""Encoder and decoder as ONNX files rebuild what the model rebuilds."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from modelmill_image_vae.answers import model_load
from modelmill_image_vae.plugin import ImageVae
from modelmill_sdk.testing import train_once

from tests.plugins.image_vae.conftest import TINY

pytestmark = pytest.mark.training


def test_the_onnx_files_rebuild_what_the_network_rebuilds(digits: Path, tmp_path: Path) -> None:
    params = {**TINY, "steps": 2, "export_onnx": True}
    model_dir, metrics = train_once(ImageVae, digits, params, tmp_path)
    files = [model_dir / "encoder.onnx", model_dir / "decoder.onnx"]
    assert metrics["onnx_difference"] is not None and metrics["onnx_difference"] < 1e-3
    assert metrics["onnx_size_bytes"] == sum(file.stat().st_size for file in files)
    encoder, decoder = (
        onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
        for file in files
    )
    network = model_load(model_dir, "cpu")
    pictures = torch.rand(3, 1, 32, 32, generator=torch.Generator().manual_seed(1)) * 2 - 1
    (latents,) = encoder.run(None, {"pictures": pictures.numpy()})
    (rebuilt,) = decoder.run(None, {"latents": latents})
    expected = network.encode(pictures)[0]
    np.testing.assert_allclose(latents, expected.numpy(), atol=1e-3)
    np.testing.assert_allclose(rebuilt, network.decode(expected).numpy(), atol=1e-3)
