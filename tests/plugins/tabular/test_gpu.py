"""Tables on a CUDA device: quality, throughput, and that the CPU can serve the model."""

import time

import pytest
import torch
from modelmill_sdk.testing import predict_once, train_once
from modelmill_tabular.plugin import Tabular

from tests.plugins.tabular.small import PREDICT, TRAIN, check

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device is here"),
]


def test_it_learns_on_a_gpu_and_the_cpu_can_serve_it(tumours, tmp_path, capsys) -> None:
    params, began = {**TRAIN, "model": "network", "network_steps": 600}, time.monotonic()
    model_dir, metrics = train_once(Tabular, tumours, params, tmp_path, seed=1, device="cuda")
    took_s = time.monotonic() - began
    assert metrics["accuracy"] is not None and metrics["accuracy"] > 0.92
    check(predict_once(Tabular, model_dir, PREDICT, device="cuda"))
    check(predict_once(Tabular, model_dir, PREDICT, device="cpu"))
    with capsys.disabled():
        rows = 600 * 32 / took_s
        print(
            f"\n{torch.cuda.get_device_name()}: {rows:,.0f} rows/s with set-up and measuring, "
            f"accuracy {metrics['accuracy']:.3f}"
        )
