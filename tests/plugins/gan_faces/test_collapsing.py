"""A training whose generator collapses stops by itself, with the pictures that varied last."""

from pathlib import Path
from typing import Any

import pytest
import torch
from modelmill_gan_faces import collapsing
from modelmill_gan_faces.collapsing import ALIKE, PATIENCE, YOUNG_STEPS, Collapse
from modelmill_gan_faces.plugin import GanFaces
from modelmill_gan_faces.trainer import Trainer
from modelmill_sdk.protocol import CheckpointSaved, Log, Progress
from modelmill_sdk.testing import Recorder, train_once
from torch import nn

from tests.plugins.gan_faces.drawn import TINY

# As many steps as measurements, so that each step is measured.
SHORT: dict[str, Any] = {**TINY, "steps": collapsing.MEASUREMENTS, "samples": 0}
COLLAPSED_FROM = 9


def lines(recorder: Recorder) -> list[str]:
    return [m.message for m in recorder.messages if isinstance(m, Log)]


@pytest.fixture
def collapsing_generator(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every latent lead to one style from a step on; before it the styles are far apart."""
    whole = Trainer.advance

    def advance(trainer: Trainer) -> dict[str, torch.Tensor]:
        losses = whole(trainer)
        scale = 0.0 if trainer.step >= COLLAPSED_FROM else 50.0
        for network in (trainer.generator, trainer.average.network):
            network.mapping[2].weight.data.fill_(0).diagonal().fill_(scale)
        return losses

    monkeypatch.setattr(Trainer, "advance", advance)
    monkeypatch.setattr(collapsing, "YOUNG_STEPS", 0)


@pytest.mark.training
def test_a_collapse_that_lasts_ends_the_training_with_the_weights_before_it(
    colour_faces: Path, tmp_path: Path, collapsing_generator: None
) -> None:
    recorder = Recorder()
    stopped, metrics = train_once(GanFaces, colour_faces, SHORT, tmp_path / "a", recorder=recorder)
    last = [m for m in recorder.messages if isinstance(m, Progress)][-1]
    ended_at = COLLAPSED_FROM + PATIENCE - 1
    assert (last.step, last.total) == (ended_at, ended_at)
    assert metrics["images_seen"] == ended_at * 8
    assert any(
        line.startswith(f"From step {COLLAPSED_FROM} on the pictures were nearly all alike")
        and f"the model is that of step {COLLAPSED_FROM - 1}. Train again" in line
        for line in lines(recorder)
    )
    good = Recorder(stop_at_step=COLLAPSED_FROM - 1, reason="finish")
    earlier, _ = train_once(GanFaces, colour_faces, SHORT, tmp_path / "b", recorder=good)
    assert _weights(stopped) == _weights(earlier)


@pytest.mark.training
@pytest.mark.parametrize("pause_at", [COLLAPSED_FROM, COLLAPSED_FROM + PATIENCE - 1])
def test_a_training_resumed_in_a_collapse_gives_the_same_bytes(
    colour_faces: Path, tmp_path: Path, collapsing_generator: None, pause_at: int
) -> None:
    whole, _ = train_once(GanFaces, colour_faces, SHORT, tmp_path / "whole")
    recorder = Recorder(stop_at_step=pause_at, reason="pause")
    train_once(GanFaces, colour_faces, SHORT, tmp_path / "half", recorder=recorder)
    saved = next(m for m in recorder.messages if isinstance(m, CheckpointSaved))
    rest = Recorder()
    resumed, _ = train_once(
        GanFaces, colour_faces, SHORT, tmp_path / "rest", resume_dir=saved.path, recorder=rest
    )
    assert _weights(resumed) == _weights(whole)
    last = [m for m in rest.messages if isinstance(m, Progress)][-1]
    assert last.step == last.total == COLLAPSED_FROM + PATIENCE - 1


def test_it_lasts_after_some_measurements_in_a_row_and_not_before() -> None:
    collapse, network = Collapse(), nn.Linear(1, 1)
    for step in range(1, PATIENCE):
        measure(collapse, 0.0, network, step=YOUNG_STEPS + step)
    measure(collapse, ALIKE, network, step=YOUNG_STEPS + PATIENCE)
    for step in range(1, PATIENCE):
        measure(collapse, 0.0, network, step=YOUNG_STEPS + PATIENCE + step)
        assert not collapse.has_lasted
    measure(collapse, float("nan"), network, step=YOUNG_STEPS + 2 * PATIENCE)
    assert collapse.has_lasted


def test_blurs_of_a_young_generator_are_no_collapse() -> None:
    collapse, network = Collapse(), nn.Linear(1, 1)
    for _ in range(2 * PATIENCE):
        measure(collapse, 0.0, network, step=YOUNG_STEPS - 1)
        measure(collapse, 0.0, network, step=YOUNG_STEPS + 1, steps=8 * YOUNG_STEPS)
    assert collapse.alike_in_a_row == 0


def test_the_weights_that_varied_last_come_back_only_after_a_collapse() -> None:
    collapse, network = Collapse(), nn.Linear(1, 1)
    measure(collapse, 1.0, network, step=1)
    kept = network.weight.item()
    network.weight.data.add_(1)
    assert not collapse.restore(network)
    measure(collapse, 0.0, network, step=YOUNG_STEPS)
    assert collapse.restore(network)
    assert network.weight.item() == kept


def measure(
    collapse: Collapse, variety: float, network: nn.Module, *, step: int, steps: int = YOUNG_STEPS
) -> None:
    collapse.measure(variety, step=step, steps=steps, network=network)


def _weights(model_dir: Path) -> bytes:
    return (model_dir / "model.safetensors").read_bytes()
