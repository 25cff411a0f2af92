"""The autoencoder on a GPU: it trains, says how fast and how well."""

import time

import pytest
import torch
from modelmill_image_vae.plugin import ImageVae
from modelmill_sdk.testing import predict_once, train_once

from tests.plugins.image_vae.conftest import TINY

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device here"),
]


def test_it_learns_on_a_gpu(digits, tmp_path) -> None:
    params = {**TINY, "steps": 300, "batch_size": 64, "size": "large"}
    began = time.perf_counter()
    model_dir, metrics = train_once(ImageVae, digits, params, tmp_path, device="cuda")
    rate = (metrics["images_seen"] or 0) / (time.perf_counter() - began)
    print(f"{torch.cuda.get_device_name()}: {rate:.0f} pictures/s, {metrics}")
    assert (metrics["rebuilding_error"] or 1) < 0.1
    assert predict_once(ImageVae, model_dir, [{"seed": 1}], device="cuda")
