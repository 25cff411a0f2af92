"""Smaller and portable networks: int8, ONNX."""

import pytest
import torch
from modelmill_sdk.errors import PluginError
from modelmill_sdk.learning import onnx
from modelmill_sdk.learning.quantizing import (
    int8_dequantized,
    int8_load,
    int8_tensors,
    tensors_bytes,
    trade_measure,
)
from safetensors.torch import load_file, save_file
from torch import nn


@pytest.fixture
def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10)).eval()


ROWS = torch.randn(16, 64, generator=torch.Generator().manual_seed(1))


def test_int8_weights_survive_a_file_and_answer_nearly_the_same(network, tmp_path) -> None:
    save_file(int8_tensors(network), tmp_path / "int8.safetensors")
    tensors = load_file(tmp_path / "int8.safetensors")
    expected = network(ROWS)
    size_ratio = tensors_bytes(tensors) / tensors_bytes(dict(network.state_dict()))
    floats = int8_dequantized(tensors)
    small = int8_load(
        nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10)), dict(tensors)
    )
    assert size_ratio < 0.3
    assert (small(ROWS) - expected).abs().max() < 0.05
    network.load_state_dict(floats)
    assert (network(ROWS) - expected).abs().max() < 0.01
    trade = trade_measure(
        network,
        small,
        run=lambda net: net(ROWS),
        score=lambda net: float(net(ROWS).mean()),
        size_ratio=size_ratio,
        span_s=0.02,
    )
    assert trade.speed_ratio > 0
    assert set(trade.metrics("int8")) == {
        "int8_size_ratio",
        "int8_speed_ratio",
        "int8_score_change",
    }


def test_an_onnx_file_takes_any_batch_and_is_checked(network, tmp_path) -> None:
    import onnxruntime

    path = tmp_path / "model.onnx"
    names = {"inputs": ("rows",), "outputs": ("scores",)}
    assert onnx.onnx_export(network, (ROWS,), path, **names) < 1e-4
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (scores,) = session.run(None, {"rows": ROWS[:5].numpy()})
    assert scores.shape == (5, 10)
    with pytest.raises(PluginError, match="differ"):
        onnx.onnx_export(network, (ROWS,), path, **names, tolerance=-1)
