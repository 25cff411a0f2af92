"""Recommendation on a CUDA device: quality, throughput, and that the CPU can serve the model."""

import time

import pytest
import torch
from modelmill_recommendation.plugin import Recommendation
from modelmill_sdk.protocol import Log
from modelmill_sdk.testing import Recorder, predict_once, train_once

from tests.plugins.recommendation.conftest import walks_write
from tests.plugins.recommendation.small import PREDICT, check, walks

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device is here"),
]

# The walkers come back to where they were; what somebody brought is hidden only if it is asked.
NO_REPEATS = {"seen": "exclude"}


def test_it_learns_on_a_gpu_and_the_cpu_can_serve_it(tmp_path, capsys) -> None:
    data = walks_write(tmp_path / "data", walks(600))
    recorder, began = Recorder(), time.monotonic()
    params = {"steps": 300, "history": 20}
    model_dir, metrics = train_once(
        Recommendation, data, params, tmp_path, seed=1, device="cuda", recorder=recorder
    )
    took_s = time.monotonic() - began
    assert metrics["ndcg_10"] is not None and metrics["ndcg_10"] > 0.55
    check(predict_once(Recommendation, model_dir, PREDICT, NO_REPEATS, device="cuda"))
    check(predict_once(Recommendation, model_dir, PREDICT, NO_REPEATS, device="cpu"))
    with capsys.disabled():
        said = [
            m.message for m in recorder.messages if isinstance(m, Log) and "steps of" in m.message
        ]
        print(
            f"\n{torch.cuda.get_device_name()}: {300 * 256 / took_s:,.0f} histories/s with set-up "
            f"and measuring, NDCG@10 {metrics['ndcg_10']:.3f}; {said[0]}"
        )
