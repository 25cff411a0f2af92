"""On a GPU: the methods that learn there, how fast and how well."""

import time

import pytest
import torch
from modelmill_sdk.testing import predict_once, train_once
from modelmill_text_classification.plugin import TextClassification

from tests.plugins.text_classification.small import PREDICT, check

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="There is no CUDA device here."),
]


def test_an_lstm_learns_on_a_gpu(topics, tmp_path) -> None:
    params = {"method": "lstm", "epochs": 12}
    began_s = time.perf_counter()
    model_dir, metrics = train_once(
        TextClassification, topics, params, tmp_path, seed=1, device="cuda"
    )
    took_s = time.perf_counter() - began_s
    print(f"\n{torch.cuda.get_device_name()}: {took_s:.1f} s, {metrics}")
    assert metrics["accuracy"] > 0.6
    check(predict_once(TextClassification, model_dir, PREDICT, device="cuda"))


def test_a_base_encoder_is_fine_tuned_on_a_gpu(few, base, tmp_path) -> None:
    params = {"method": "encoder", "base": base, "learning_rate": 1e-3, "epochs": 12}
    began_s = time.perf_counter()
    model_dir, metrics = train_once(
        TextClassification, few, params, tmp_path / "work", seed=1, device="cuda"
    )
    took_s = time.perf_counter() - began_s
    print(f"\n{torch.cuda.get_device_name()}: {took_s:.1f} s, {metrics}")
    assert metrics["accuracy"] > 0.65
    answers = predict_once(TextClassification, model_dir, PREDICT[:2], device="cuda")
    assert all(abs(sum(one["probabilities"].values()) - 1) < 1e-3 for one in answers)
