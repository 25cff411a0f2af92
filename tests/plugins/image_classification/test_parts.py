"""The parts one by one: networks, lots, augmentation, calibration, reports."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch
from modelmill_image_classification.augmentation import NOTHING, Augmentation, _grid, augment
from modelmill_image_classification.calibration import (
    calibration_error,
    probabilities,
    reliability,
    temperature_fit,
)
from modelmill_image_classification.config import ClassifierConfig
from modelmill_image_classification.drawing_lots import BalancedLots, SecretLots, class_weights
from modelmill_image_classification.params import TrainParams
from modelmill_image_classification.plans import SIDES, Plan, plan_make, plan_read, stem_for
from modelmill_image_classification.reports import Answers, interval, report_make
from modelmill_image_classification.small import SmallNetwork, _Stage


def config(resolution: int = 28, channels: int = 1, **changes) -> ClassifierConfig:
    return ClassifierConfig(
        family="small",
        labels=["a", "b", "c"],
        resolution=resolution,
        channels=channels,
        width=8,
        mean=[0.5] * channels,
        deviation=[0.5] * channels,
        **changes,
    )


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("resolution", SIDES)
def test_the_small_network_takes_every_size(resolution: int, channels: int) -> None:
    shape = config(resolution, channels)
    logits = SmallNetwork(shape).eval()(torch.zeros(2, channels, resolution, resolution))
    assert logits.shape == (2, 3)


@pytest.mark.parametrize("resolution", SIDES)
def test_the_transformer_takes_every_size(resolution: int) -> None:
    from modelmill_image_classification.borrowed import vit_new

    shape = replace(config(resolution), width=40)
    assert vit_new(shape)(torch.zeros(1, 1, resolution, resolution)).shape == (1, 3)


def test_a_configuration_survives_the_disk(tmp_path) -> None:
    written = config(temperature=0.7, norm="group")
    written.write(tmp_path)
    assert ClassifierConfig.read(tmp_path) == written


def test_balanced_lots_show_each_class_as_often_and_every_row() -> None:
    labels = np.array([0] * 50 + [1] * 5)
    lots = BalancedLots(labels, batch_size=10, seed=0)
    drawn = np.concatenate([lots.rows(index) for index in range(10)])
    assert np.bincount(labels[drawn]).tolist() == [50, 50]
    assert set(drawn.tolist()) == set(range(55))
    assert lots.rows(3).tolist() == BalancedLots(labels, batch_size=10, seed=0).rows(3).tolist()


def test_secret_lots_differ_each_time() -> None:
    lots = SecretLots(1_000, chance=0.1)
    assert lots.rows(0).tolist() != lots.rows(0).tolist()
    assert 50 < np.mean([len(lots.rows(0)) for _ in range(20)]) < 150


def test_class_weights_average_to_one_over_the_examples() -> None:
    counts = np.array([90, 10, 0])
    weights = class_weights(counts)
    assert (weights * counts).sum() == pytest.approx(100)
    assert weights[1] == pytest.approx(9 * weights[0]) and weights[2] == 0


def test_augmentation_changes_pictures_by_the_generator_alone() -> None:
    pictures = torch.rand(4, 3, 32, 32)

    def varied(seed: int) -> torch.Tensor:
        return augment(pictures, Augmentation(light=0.2), torch.Generator().manual_seed(seed))

    assert torch.equal(varied(1), varied(1)) and not torch.equal(varied(1), varied(2))
    assert augment(pictures, NOTHING, torch.Generator()) is pictures


def test_the_grid_is_that_of_torch() -> None:
    moves = torch.randn(5, 2, 3, generator=torch.Generator().manual_seed(0))
    expected = torch.nn.functional.affine_grid(moves, [5, 1, 7, 12], align_corners=False)
    assert torch.allclose(_grid(moves, height=7, width=12), expected, atol=1e-5)


@pytest.mark.parametrize("stride", [1, 2])
def test_an_odd_side_is_pooled_as_if_all_of_it_had_been_made(stride: int) -> None:
    odd = _Stage(3, 8, stride=stride, norm="batch", is_odd=True).eval()
    even = _Stage(3, 8, stride=stride, norm="batch", is_odd=False).eval()
    even.load_state_dict(odd.state_dict())
    pictures = torch.randn(2, 3, 7 * stride, 7 * stride, generator=torch.Generator().manual_seed(0))
    assert odd(pictures).shape == (2, 8, 3, 3)
    assert torch.allclose(odd(pictures), even(pictures), atol=1e-5)


def test_mirroring_mirrors_half_of_the_pictures() -> None:
    pictures = torch.zeros(200, 1, 8, 8)
    pictures[:, :, :, 4:] = 1
    how = Augmentation(turn_degrees=0, scale=0, shift=0, mirror=True)
    left = augment(pictures, how, torch.Generator().manual_seed(0))[:, 0, 4, 1]
    assert 60 < int((left > 0.5).sum()) < 140


def test_the_temperature_undoes_what_the_logits_were_multiplied_by() -> None:
    random = np.random.default_rng(0)
    true = random.normal(size=(4_000, 5)) * 2
    labels = np.array([random.choice(5, p=row) for row in probabilities(true)])
    found = temperature_fit(true * 3, labels)
    assert found == pytest.approx(3, rel=0.1)
    before = calibration_error(reliability(probabilities(true * 3), labels))
    after = calibration_error(reliability(probabilities(true * 3 / found), labels))
    assert after < 0.03 < before


def test_too_few_examples_leave_the_temperature_alone() -> None:
    assert temperature_fit(np.eye(3), np.arange(3)) == 1.0


def test_the_report_counts_what_was_taken_for_what() -> None:
    logits = np.array([[2.0, 0, 0], [0, 2, 0], [2, 0, 0], [0, 0, 2]])
    answers = Answers(
        labels=["a", "b", "c"],
        logits=logits,
        truth=np.array([0, 1, 1, 2]),
        temperature=1.0,
        groups=["x", "x", "y", "y"],
    )
    report = report_make(answers, split="test")
    assert report["confusion"] == [[1, 0, 0], [1, 1, 0], [0, 0, 1]]
    assert report["classes"][1] == {
        "label": "b", "rows": 2, "precision": 1.0, "recall": 0.5, "f1": pytest.approx(2 / 3)
    }  # fmt: skip
    assert [one["accuracy"] for one in report["groups"]] == [1.0, 0.5]
    assert report["metrics"]["group_accuracy_gap"] == 0.5
    assert report["metrics"]["accuracy_of_x"] == 1.0
    assert report["metrics"]["accuracy_of_y"] == 0.5


def test_the_interval_is_wilsons() -> None:
    # Newcombe, Statistics in Medicine 17 (1998), table I: 81 of 263.
    assert interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert interval(5, 5)[1] == 1.0


def test_a_configuration_from_before_the_stem_is_read_as_it_was(tmp_path) -> None:
    written = config()
    written.write(tmp_path)
    path = tmp_path / "classifier.json"
    values = json.loads(path.read_text())
    del values["stem"]
    path.write_text(json.dumps(values))
    assert ClassifierConfig.read(tmp_path) == written


def test_the_first_release_chose_other_batches_and_a_full_first_layer() -> None:
    counts = np.array([2_000, 2_000])

    def plan(**changes) -> Plan:
        return plan_make(TrainParams(), device="cpu", counts=counts, **changes)

    before, now = plan(is_as_before=True), plan()
    assert (before.batch_size, before.width, before.stem, before.learning_rate) == (64, 24, 24, 0.1)
    assert (now.batch_size, now.width, now.stem, now.learning_rate) == (32, 24, 16, 0.07)
    assert plan_read({}, before=before) == before
    assert plan_read({"plan": asdict(now)}, before=before) == now


@pytest.mark.parametrize("width", [8, 16, 24, 64])
def test_a_stem_is_thinner_on_a_cpu_only(width: int) -> None:
    stem = stem_for(width, device="cpu")
    assert stem % 8 == 0 and 8 <= stem <= width
    assert stem_for(width, device="cuda") == width
    logits = SmallNetwork(replace(config(), width=width, stem=stem))(torch.zeros(2, 1, 28, 28))
    assert logits.shape == (2, 3)
