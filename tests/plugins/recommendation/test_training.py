"""Training recommendations: quality, repeatability, and what is left behind."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from modelmill_recommendation.network import Config, SasRec
from modelmill_recommendation.plugin import Recommendation
from modelmill_recommendation.trainer import Trainer, batch_loss
from modelmill_sdk import CustomerError
from modelmill_sdk.learning.precision import Precision
from modelmill_sdk.protocol import CheckpointSaved, Log, Progress, Sample
from modelmill_sdk.testing import Recorder, train_once

from tests.plugins.recommendation.conftest import walks_write
from tests.plugins.recommendation.small import TRAIN, walks

pytestmark = pytest.mark.training

FEW = {**TRAIN, "steps": 12}


def weights(model_dir: Path) -> bytes:
    return (model_dir / "sasrec.safetensors").read_bytes()


def test_the_network_learns_the_order_and_beats_both_baselines(trained) -> None:
    _, metrics = trained
    assert metrics["sasrec_ndcg_10"] > 0.5
    assert metrics["sasrec_ndcg_10"] > metrics["item_knn_ndcg_10"] + 0.1
    assert metrics["item_knn_ndcg_10"] > metrics["popularity_ndcg_10"]
    assert metrics["ndcg_10"] == metrics["sasrec_ndcg_10"]
    assert metrics["hit_rate_10"] >= metrics["ndcg_10"]
    assert metrics["users_measured"] == 150


def test_it_leaves_safetensors_json_and_the_onnx_file_it_checked(trained) -> None:
    model_dir, metrics = trained
    assert sorted(path.name for path in model_dir.iterdir()) == [
        "config.json",
        "histories.safetensors",
        "names.json",
        "neighbours.safetensors",
        "sasrec.onnx",
        "sasrec.safetensors",
    ]
    assert metrics["onnx_difference"] < 1e-3


def test_an_interrupted_training_ends_with_the_same_weights(walked: Path, tmp_path: Path) -> None:
    whole, _ = train_once(Recommendation, walked, FEW, tmp_path / "whole", seed=1)
    recorder = Recorder(stop_at_step=5, reason="pause")
    train_once(Recommendation, walked, FEW, tmp_path / "half", seed=1, recorder=recorder)
    (saved,) = [m for m in recorder.messages if isinstance(m, CheckpointSaved)]
    resumed, _ = train_once(
        Recommendation, walked, FEW, tmp_path / "rest", seed=1, resume_dir=saved.path
    )
    other, _ = train_once(Recommendation, walked, FEW, tmp_path / "other", seed=2)
    assert weights(whole) == weights(resumed) != weights(other)


@pytest.mark.parametrize("is_kept", [True, False])
def test_a_resumed_training_goes_on_in_its_precision(
    walked: Path, tmp_path: Path, is_kept: bool
) -> None:
    half = {**FEW, "precision": "bfloat16"}
    whole, _ = train_once(Recommendation, walked, half, tmp_path / "whole", seed=1)
    recorder = Recorder(stop_at_step=5, reason="pause")
    train_once(Recommendation, walked, half, tmp_path / "half", seed=1, recorder=recorder)
    (saved,) = [m.path for m in recorder.messages if isinstance(m, CheckpointSaved)]
    if not is_kept:
        facts = json.loads((saved / "state.json").read_text())
        del facts["is_half"]
        (saved / "state.json").write_text(json.dumps(facts))
    recorder = Recorder()
    resumed, _ = train_once(
        Recommendation, walked, FEW, tmp_path / "rest", 1, resume_dir=saved, recorder=recorder
    )
    said = " ".join(m.message for m in recorder.messages if isinstance(m, Log))
    # A checkpoint of the first release does not tell, so what is asked for is looked at anew.
    assert ("bfloat16." if is_kept else "float32.") in said
    assert (weights(whole) == weights(resumed)) is is_kept


def test_a_batch_worked_through_in_parts_has_the_same_gradient() -> None:
    torch.manual_seed(0)
    network = SasRec(Config(items=9, length=4, width=8, blocks=1, heads=1, dropout=0.0))
    batch = torch.tensor([[1, 2, 3, 4, 5], [0, 0, 0, 7, 8], [0, 2, 4, 6, 8]])
    gradients = []
    for parts in ([(0, 3)], [(0, 1), (1, 3)]):
        network.zero_grad()
        for first, end in parts:
            loss = batch_loss(network, batch, part=(first, end), precision=Precision("cpu", False))
            (loss * (end - first) / 3).backward()
        gradients.append(network.item.weight.grad.clone())
    torch.testing.assert_close(*gradients)


def test_it_shows_progress_and_what_it_would_recommend(walked: Path, tmp_path: Path) -> None:
    recorder = Recorder()
    train_once(Recommendation, walked, FEW, tmp_path, recorder=recorder)
    steps = [m.step for m in recorder.messages if isinstance(m, Progress)]
    samples = [m for m in recorder.messages if isinstance(m, Sample)]
    assert steps == sorted(steps) and steps[-1] == 12
    assert samples and "(came: s" in str(samples[-1].text)


def test_a_baseline_answers_where_the_network_is_worse(walked: Path, tmp_path: Path) -> None:
    recorder = Recorder()
    params = {**TRAIN, "steps": 1, "learning_rate": 1e-6}
    model_dir, metrics = train_once(Recommendation, walked, params, tmp_path, recorder=recorder)
    said = " ".join(m.message for m in recorder.messages if isinstance(m, Log))
    assert json.loads((model_dir / "config.json").read_text())["served"] == "item-knn"
    assert "item-knn is the best of them and answers. The network did not beat it" in said
    assert metrics["ndcg_10"] == metrics["item_knn_ndcg_10"]


def test_it_stops_early_and_keeps_the_best_weights(walked: Path, tmp_path: Path) -> None:
    recorder = Recorder()
    params = {**TRAIN, "steps": 400, "patience": 1, "learning_rate": 0.05}
    _, metrics = train_once(Recommendation, walked, params, tmp_path, recorder=recorder)
    steps = [m.step for m in recorder.messages if isinstance(m, Progress)]
    assert steps[-1] < 400
    assert (metrics["best_step"] or 0) < steps[-1]


def test_it_refuses_users_who_met_too_little(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"user": f"u{n}", "item": f"i{n % 9}", "rating": 1.0, "timestamp": n} for n in range(40)
    ]
    with pytest.raises(CustomerError, match="0 users met 3 items or more; at least 20"):
        train_once(Recommendation, walks_write(tmp_path / "data", rows), TRAIN, tmp_path / "work")


def test_a_learning_rate_too_high_is_named(walked: Path, tmp_path: Path, monkeypatch) -> None:
    def broken(network, *_, **__):
        return network.bias.sum() * float("nan")

    monkeypatch.setattr(Trainer.__init__, "__kwdefaults__", {"loss_of": broken})
    with pytest.raises(CustomerError, match="broke down at step 1") as caught:
        train_once(Recommendation, walked, FEW, tmp_path)
    assert caught.value.param == "learning_rate"


@pytest.mark.parametrize("keeps", [True, False])
def test_histories_are_kept_only_if_asked_for(walked: Path, tmp_path: Path, keeps: bool) -> None:
    params = {**FEW, "keep_histories": keeps}
    model_dir, _ = train_once(Recommendation, walked, params, tmp_path)
    assert ('"u7"' in (model_dir / "names.json").read_text()) is keeps


def test_the_walks_are_the_same_every_time() -> None:
    assert walks()[:50] == walks()[:50]
