"""Training: what it leaves behind, and that a seed decides it."""

import json
import re
from pathlib import Path

import pytest
from modelmill_image_classification import plans, preparation
from modelmill_image_classification.plugin import ImageClassification
from modelmill_sdk import CustomerError
from modelmill_sdk.protocol import CheckpointSaved, Log, Progress, Sample
from modelmill_sdk.testing import Recorder, dataset_write, train_once

from tests.plugins.image_classification.conftest import TINY, blobs_write, digit_rows

pytestmark = pytest.mark.training


def weights(model_dir: Path) -> bytes:
    return (model_dir / "model.safetensors").read_bytes()


def logs_of(recorder: Recorder) -> str:
    return "\n".join(m.message for m in recorder.messages if isinstance(m, Log))


def test_it_leaves_weights_a_configuration_and_a_report(trained) -> None:
    model_dir, _, _ = trained
    names = sorted(path.name for path in model_dir.iterdir())
    assert names == ["classifier.json", "model.safetensors", "report.json"]


def test_it_tells_digits_apart_with_honest_probabilities(trained) -> None:
    _, metrics, _ = trained
    assert metrics["accuracy"] > 0.9
    assert metrics["accuracy_low"] < metrics["accuracy"] < metrics["accuracy_high"]
    assert metrics["calibration_error"] < 0.1
    assert metrics["accuracy"] > 4 * metrics["most_frequent_class_accuracy"]


def test_it_shows_its_progress_its_answers_and_its_confusion(trained) -> None:
    _, _, recorder = trained
    steps = [m.step for m in recorder.messages if isinstance(m, Progress)]
    samples = [m.name for m in recorder.messages if isinstance(m, Sample)]
    assert steps == sorted(steps) and steps[-1] == 6 * 25
    assert samples.count("answers") == 5 and samples[-2:] == ["confusion", "report"]


def test_the_report_has_every_class_and_every_group(trained) -> None:
    model_dir, metrics, _ = trained
    report = json.loads((model_dir / "report.json").read_text())
    assert report["split"] == "test" and report["rows"] == 60
    assert sum(map(sum, report["confusion"])) == 60
    assert [one["label"] for one in report["classes"]] == [str(n) for n in range(10)]
    assert [one["group"] for one in report["groups"]] == ["scan0", "scan1"]
    shares = [one["accuracy"] for one in report["groups"]]
    assert metrics["group_accuracy_gap"] == pytest.approx(max(shares) - min(shares))
    assert report["calibration"]["error"] < report["calibration"]["error_before"]


def test_digits_are_not_mirrored_and_it_says_why(trained) -> None:
    assert "not mirrored: a linear probe recognises" in logs_of(trained[2])


def test_discs_and_squares_are_mirrored_and_told_apart(colourful, tmp_path) -> None:
    recorder = Recorder()
    params = {**TINY, "resolution": 32, "epochs": 4}
    _, metrics = train_once(ImageClassification, colourful, params, tmp_path, recorder=recorder)
    assert "Pictures are mirrored" in logs_of(recorder)
    assert metrics["accuracy"] > 0.9


def test_a_seed_gives_the_same_weights_and_another_seed_others(some_digits, tmp_path) -> None:
    made = [
        train_once(ImageClassification, some_digits, TINY, tmp_path / name, seed=seed)[0]
        for name, seed in (("first", 5), ("again", 5), ("other", 6))
    ]
    assert weights(made[0]) == weights(made[1]) != weights(made[2])


@pytest.mark.parametrize("changes", [{}, {"network": "vit", "width": 32}, {"balance": "sampling"}])
def test_a_resumed_training_gives_the_weights_of_an_uninterrupted_one(
    some_digits, tmp_path, changes
) -> None:
    params = {**TINY, **changes}
    whole, _ = train_once(ImageClassification, some_digits, params, tmp_path / "whole", seed=1)
    recorder = Recorder(stop_at_step=13, reason="pause")
    half = tmp_path / "half"
    train_once(ImageClassification, some_digits, params, half, seed=1, recorder=recorder)
    saved = [m for m in recorder.messages if isinstance(m, CheckpointSaved)]
    assert saved[0].step == 13
    names = sorted(path.name for path in saved[0].path.iterdir())
    assert names == ["state.json", "state.safetensors"]
    rest, _ = train_once(
        ImageClassification, some_digits, params, half, seed=1, resume_dir=saved[0].path
    )
    assert weights(whole) == weights(rest)


def half_trained(some_digits, params, folder: Path) -> Path:
    recorder = Recorder(stop_at_step=2, reason="pause")
    train_once(ImageClassification, some_digits, params, folder, seed=1, recorder=recorder)
    return next(m.path for m in recorder.messages if isinstance(m, CheckpointSaved))


def shape_of(model_dir: Path) -> tuple[int, int]:
    config = json.loads((model_dir / "classifier.json").read_text())
    return config["width"], config["stem"]


LEFT_TO_US = {**TINY, "width": 0, "batch_size": 0, "epochs": 1}


def test_a_checkpoint_goes_on_as_it_was_planned(some_digits, tmp_path, monkeypatch) -> None:
    saved = half_trained(some_digits, LEFT_TO_US, tmp_path)
    monkeypatch.setitem(plans._WIDTHS, "small", (32, 64))
    monkeypatch.setitem(plans._BATCHES, "small", (8, 256))
    recorder, resumed = Recorder(), {"seed": 1, "resume_dir": saved}
    model_dir, _ = train_once(
        ImageClassification, some_digits, LEFT_TO_US, tmp_path, recorder=recorder, **resumed
    )
    assert shape_of(model_dir) == (24, 16)
    assert f"of {json.loads((saved / 'state.json').read_text())['plan']['batch_size']} p" in (
        logs_of(recorder)
    )


def test_a_checkpoint_of_the_first_release_goes_on_as_that_did(
    some_digits, tmp_path, monkeypatch
) -> None:
    now = plans.plan_make

    def as_before(params, *, device, counts, is_as_before=True):
        return now(params, device=device, counts=counts, is_as_before=True)

    with monkeypatch.context() as patch:
        patch.setattr(preparation, "plan_make", as_before)
        saved = half_trained(some_digits, LEFT_TO_US, tmp_path)
    facts = json.loads((saved / "state.json").read_text())
    del facts["plan"]
    (saved / "state.json").write_text(json.dumps(facts))
    resumed = {"seed": 1, "resume_dir": saved}
    model_dir, _ = train_once(ImageClassification, some_digits, LEFT_TO_US, tmp_path, **resumed)
    assert shape_of(model_dir) == (24, 24)


def test_it_stops_when_nothing_gets_better(some_digits, tmp_path) -> None:
    recorder = Recorder()
    params = {**TINY, "epochs": 12, "patience": 1, "learning_rate": 1.0, "augment": False}
    train_once(ImageClassification, some_digits, params, tmp_path, recorder=recorder)
    assert "Stopped at step" in logs_of(recorder)


def test_it_does_not_stop_while_the_learning_rate_rises(some_digits, tmp_path) -> None:
    recorder = Recorder()
    params = {**TINY, "epochs": 48, "patience": 1, "learning_rate": 1.0, "augment": False}
    train_once(ImageClassification, some_digits, params, tmp_path, recorder=recorder)
    said = logs_of(recorder)
    (steps,) = re.findall(r"48 epochs of (\d+) steps", said)
    (stopped,) = re.findall(r"Stopped at step (\d+)", said)
    # It rises for a quarter of the epochs.
    assert int(stopped) >= 12 * int(steps)


def test_it_says_so_when_the_training_breaks_down(some_digits, tmp_path, monkeypatch) -> None:
    from modelmill_image_classification.trainer import Trainer

    whole = Trainer.loss
    monkeypatch.setattr(Trainer, "loss", lambda *args: whole(*args) * float("nan"))
    with pytest.raises(CustomerError, match="broke down at step") as caught:
        train_once(ImageClassification, some_digits, TINY, tmp_path)
    assert caught.value.param == "learning_rate"


def test_rare_classes_are_shown_as_often_as_frequent_ones(tmp_path) -> None:
    data, recorder = blobs_write(tmp_path / "data", counts=(60, 6)), Recorder()
    params = {**TINY, "resolution": 32, "epochs": 6}
    _, metrics = train_once(ImageClassification, data, params, tmp_path / "w", recorder=recorder)
    assert "every class is shown as often as any other" in logs_of(recorder)
    assert metrics["worst_class_recall"] > 0.9


def test_long_values_and_gaps_of_a_column_are_groups_of_their_own(tmp_path) -> None:
    long = "the camera above the second gate, " * 5
    groups = [long + "left", long + "right", None]
    data = blobs_write(tmp_path / "data", camera=lambda seed: groups[seed % 3])
    params = {**TINY, "groups": "camera"}
    _, metrics = train_once(ImageClassification, data, params, tmp_path / "work")
    named = [name for name in metrics if name.startswith("accuracy_of_")]
    assert len(named) == 3 and "accuracy_of_(none)" in named
    assert max(len(name) for name in named) == 100


def test_without_a_validation_split_it_keeps_a_tenth_of_each_class(tmp_path) -> None:
    names, recorder = [str(number) for number in range(10)], Recorder()
    data = dataset_write(
        tmp_path / "data", "labelled_images", train=digit_rows(0, 200), label_names=names
    )
    _, metrics = train_once(ImageClassification, data, TINY, tmp_path / "w", recorder=recorder)
    assert "180 grey pictures at 28×28 to learn from, 20 held out" in logs_of(recorder)
    assert metrics["accuracy"] is not None


def test_it_refuses_a_dataset_of_one_class(tmp_path) -> None:
    rows = [{**row, "label": 0} for row in digit_rows(0, 20)]
    data = dataset_write(tmp_path / "data", "labelled_images", train=rows, label_names=["only"])
    with pytest.raises(CustomerError, match="All pictures have the same label"):
        train_once(ImageClassification, data, TINY, tmp_path / "work")
