"""Training on texts: quality, repeatability, and what is left behind."""

import json
from pathlib import Path

import pytest
import torch
from modelmill_sdk import CustomerError
from modelmill_sdk.protocol import CheckpointSaved, Log, Progress, Sample
from modelmill_sdk.testing import Recorder, predict_once, train_once, validate_once
from modelmill_text_classification.networks import BagNetwork
from modelmill_text_classification.plugin import TextClassification as Plugin
from safetensors.torch import load_file

from tests.plugins.text_classification.conftest import Trained, texts_write
from tests.plugins.text_classification.small import PREDICT, check, sentences

pytestmark = pytest.mark.training

QUICK = {"epochs": 2, "batch_size": 16, "patience": 0}


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def logs(recorder: Recorder) -> str:
    return " ".join(m.message for m in recorder.messages if isinstance(m, Log))


def test_topics_are_told_apart_with_calibrated_probabilities(linear: Trained) -> None:
    model_dir, metrics = linear
    assert metrics["accuracy"] > 0.75 > 0.55 > metrics["most_frequent_class_accuracy"]
    assert metrics["accuracy_low"] < metrics["accuracy"] < metrics["accuracy_high"]
    assert metrics["calibration_error"] < 0.15
    check(predict_once(Plugin, model_dir, PREDICT))
    report = json.loads((model_dir / "report.json").read_text())
    assert [len(row) for row in report["confusion"]] == [4] * 4
    assert {one["label"] for one in report["classes"]} == {"AI", "coding", "emotion", "trivia"}


def test_the_words_that_decided_are_named_and_add_up(linear: Trained) -> None:
    (result,) = predict_once(
        Plugin, linear[0], [{"text": "I feel so lonely and sad."}], {"explain": True, "top": 1}
    )
    why = result["explanation"]
    assert why["label"] == "emotion" and "feel" in {word["text"] for word in why["words"][:6]}
    assert len(result["probabilities"]) == 1


def test_chinese_is_read_without_a_dictionary(tmp_path: Path) -> None:
    topics = ["AI", "emotion", "psychology"]
    rows = list(sentences("chinese", tuple(topics)))
    data = texts_write(tmp_path / "data", rows, label_names=topics)
    _, metrics = train_once(Plugin, data, {"method": "linear"}, tmp_path / "work", seed=1)
    assert metrics["accuracy"] > metrics["most_frequent_class_accuracy"] + 0.15


def test_auto_keeps_the_best_on_held_out_texts(topics: Path, tmp_path: Path) -> None:
    recorder = Recorder()
    model_dir, metrics = train_once(
        Plugin, topics, {"budget_s": 3}, tmp_path, seed=1, recorder=recorder
    )
    assert metrics["methods_tried"] >= 2
    tried = {name: value for name, value in metrics.items() if name.startswith("heldout_accuracy_")}
    assert metrics["heldout_accuracy"] == max(tried.values())
    served = json.loads((model_dir / "classifier.json").read_text())["method"]
    assert tried[f"heldout_accuracy_{served}"] == metrics["heldout_accuracy"]
    assert "What is tried, in this order: words, both" in logs(recorder)
    steps = [m.step for m in recorder.messages if isinstance(m, Progress)]
    assert steps == sorted(set(steps))
    assert {m.name for m in recorder.messages if isinstance(m, Sample)} == {"answers", "report"}


@pytest.mark.parametrize(
    ("params", "stop_at_step"),
    [
        ({"method": "linear"}, 2),
        ({"method": "bag", **QUICK}, 7),
        ({"method": "lstm", **QUICK}, 8),
        ({"budget_s": 4, **QUICK}, 9),
    ],
    ids=["linear", "bag", "lstm", "auto"],
)
def test_an_interrupted_training_leaves_the_same_files(few, tmp_path, params, stop_at_step) -> None:
    whole, _ = train_once(Plugin, few, params, tmp_path / "whole", seed=1)
    recorder = Recorder(stop_at_step=stop_at_step, reason="pause")
    train_once(Plugin, few, params, tmp_path / "half", seed=1, recorder=recorder)
    (saved,) = [m for m in recorder.messages if isinstance(m, CheckpointSaved)]
    resumed, _ = train_once(Plugin, few, params, tmp_path / "rest", seed=1, resume_dir=saved.path)
    assert contents(whole) == contents(resumed)
    assert not [name for name in contents(whole) if name.endswith((".pkl", ".bin", ".pt"))]


@pytest.mark.parametrize("method", ["bag", "lstm"])
def test_networks_learn_answer_one_by_one_as_in_a_batch_and_say_why(few, tmp_path, method) -> None:
    params = {"method": method, "export_int8": True, "export_onnx": method == "bag"}
    model_dir, metrics = train_once(Plugin, few, params, tmp_path, seed=1)
    assert metrics["accuracy"] > 0.7
    inputs = PREDICT[:2]
    together = predict_once(Plugin, model_dir, inputs, {"explain": True})
    alone = [predict_once(Plugin, model_dir, [one], {"explain": True})[0] for one in inputs]
    assert together == alone
    assert together[0]["explanation"]["method"] == "integrated-gradients"
    # Embeddings, which are most of a small network, stay as they are.
    assert metrics["int8_size_ratio"] <= 1.0
    assert metrics.get("onnx_difference", 0) < 1e-3


def test_each_group_is_reported_apart(tmp_path: Path) -> None:
    rows = [
        {**row, "channel": "shop" if number % 3 else "mill"}
        for number, row in enumerate(sentences())
    ]
    data = texts_write(tmp_path / "data", rows, label_names=["AI", "coding", "emotion", "trivia"])
    model_dir, metrics = train_once(
        Plugin, data, {"method": "linear", "groups": "channel"}, tmp_path / "work", seed=1
    )
    assert 0 <= metrics["group_accuracy_gap"] <= 1
    report = json.loads((model_dir / "report.json").read_text())
    assert {one["group"] for one in report["groups"]} == {"mill", "shop"}
    shares = {one["group"]: one["accuracy"] for one in report["groups"]}
    assert metrics["accuracy_of_mill"] == shares["mill"]
    assert metrics["accuracy_of_shop"] == shares["shop"]


def test_long_values_and_gaps_are_groups_whose_names_stay_apart(tmp_path) -> None:
    long, texts = "a long way to say where it came from, " * 5, sentences()
    groups = (long + "north", long + "south", None)
    rows = [{**row, "channel": groups[number % 3]} for number, row in enumerate(texts)]
    data = texts_write(tmp_path / "data", rows, label_names=["AI", "coding", "emotion", "trivia"])
    _, metrics = train_once(
        Plugin, data, {"method": "linear", "groups": "channel"}, tmp_path / "work", seed=1
    )
    named = [name for name in metrics if name.startswith("accuracy_of_")]
    assert len(named) == 3 and "accuracy_of_(none)" in named
    assert max(len(name) for name in named) == 100


def test_a_missing_column_is_told_with_those_there_are(tmp_path: Path) -> None:
    rows = [{**row, "channel": "shop", "region": "north"} for row in sentences()]
    data = texts_write(tmp_path / "data", rows, label_names=["AI", "coding", "emotion", "trivia"])
    (problem,) = validate_once(Plugin, data, {"groups": "chanel"})
    assert problem.field == "groups" and "no column 'chanel'" in problem.reason
    assert problem.fix == "Leave groups empty, or name one of its columns: channel, region."


def test_a_private_training_says_what_it_spent(few, tmp_path) -> None:
    _, metrics = train_once(Plugin, few, {"privacy_epsilon": 8, "epochs": 3}, tmp_path, seed=1)
    assert 0 < metrics["privacy_epsilon"] <= 8.01
    assert metrics["privacy_delta"] > 0


def test_a_private_training_in_parts_learns_and_spends_the_same(few, tmp_path, monkeypatch) -> None:
    # The same dice for both, or their noise would hide what is compared.
    monkeypatch.setattr("secrets.randbits", lambda bits: 5)
    params, recorder = {"privacy_epsilon": 8, **QUICK}, Recorder()
    whole, spent = train_once(Plugin, few, params, tmp_path / "whole", seed=1)
    forward = BagNetwork.forward

    def narrow(self: BagNetwork, ids: torch.Tensor) -> torch.Tensor:
        logits = forward(self, ids)
        if self.training and len(ids) > 8:
            raise torch.OutOfMemoryError
        return logits

    monkeypatch.setattr(BagNetwork, "forward", narrow)
    parts, spent_in_parts = train_once(
        Plugin, few, params, tmp_path / "parts", seed=1, recorder=recorder
    )
    assert "it is now worked through 8 at a time" in logs(recorder)
    names = [name for name in spent if name.startswith("privacy")]
    assert [spent[name] for name in names] == [spent_in_parts[name] for name in names] != []
    one, other = (load_file(next(folder.rglob("*.safetensors"))) for folder in (whole, parts))
    torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)


def test_what_cannot_be_learned_from_is_said_before_training(tmp_path: Path) -> None:
    rows = [
        {"text": "  ", "label": "a"},
        *({"text": f"grain {n}", "label": "a"} for n in range(20)),
    ]
    data = texts_write(tmp_path / "data", rows, label_names=["a", "b"])
    said = " ".join(problem.reason for problem in validate_once(Plugin, data, {"groups": "colour"}))
    assert "All texts have the same label." in said and "no column 'colour'" in said
    with pytest.raises(CustomerError, match="There is no base model 'none'"):
        validate_once(Plugin, data, {"base": "none"})
    with pytest.raises(CustomerError, match="All texts have the same label"):
        train_once(Plugin, data, {}, tmp_path / "work")
