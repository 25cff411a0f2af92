"""Faces on a GPU: it trains, says how fast, and draws what it learnt."""

import time
from pathlib import Path

import pytest
import torch
from modelmill_gan_faces.plugin import GanFaces
from modelmill_sdk.learning.graphs import Graphed
from modelmill_sdk.testing import predict_once, train_once
from safetensors.torch import load_file

from tests.plugins.gan_faces.drawn import write_faces

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device here"),
]


@pytest.mark.parametrize(("resolution", "steps"), [(64, 300), (256, 20)])
def test_it_learns_on_a_gpu(tmp_path: Path, resolution: int, steps: int) -> None:
    data = write_faces(tmp_path / "data", size=resolution, held_out=60)
    params = {"resolution": resolution, "steps": steps, "samples": 1}
    began = time.perf_counter()
    model_dir, metrics = train_once(GanFaces, data, params, tmp_path / "work", device="cuda")
    took_s = time.perf_counter() - began
    rate = (metrics["images_seen"] or 0) / took_s
    print(f"{torch.cuda.get_device_name()}: {resolution}², {rate:.0f} pictures/s, {metrics}")
    (face,) = predict_once(GanFaces, model_dir, [{"seed": 1}], device="cuda")
    assert face.stat().st_size > 0
    if steps >= 300:
        assert (metrics["fid_fixed_conv_v1"] or 1e9) < 100


def test_graphs_change_nothing_but_the_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = write_faces(tmp_path / "data")
    # The augmentation adds up in no fixed order on a GPU; the rest can be made to.
    monkeypatch.setattr(torch.backends.cudnn, "deterministic", True)
    params = {**{"resolution": 32, "steps": 40, "samples": 0}, "augment": False}

    def weights_of(folder: str) -> tuple[dict[str, torch.Tensor], float]:
        began = time.perf_counter()
        work = tmp_path / folder
        model_dir, _ = train_once(GanFaces, data, params, work, device="cuda")
        return load_file(model_dir / "model.safetensors"), time.perf_counter() - began

    graphed, graphed_s = weights_of("graphed")
    monkeypatch.setattr(Graphed, "__call__", lambda self: self._work())
    plain, plain_s = weights_of("plain")
    apart = max(float((graphed[name] - plain[name]).abs().max()) for name in plain)
    print(f"{torch.cuda.get_device_name()}: {graphed_s:.1f} s, else {plain_s:.1f} s; {apart:.2e}")
    assert apart == 0
