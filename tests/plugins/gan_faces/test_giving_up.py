"""Steps as graphs that fail: what is left of them, on a CPU that plays a graph's part."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
import torch
from modelmill_gan_faces.config import FacesConfig
from modelmill_gan_faces.graphed import GraphedHalves
from modelmill_gan_faces.real import RealPictures
from modelmill_gan_faces.recipe import Recipe
from modelmill_gan_faces.trainer import Trainer

STEPS = 6
RECIPE = Recipe(
    steps=STEPS,
    batch_size=4,
    learning_rate=0.001,
    gradient_penalty=0.0,
    penalty_every=4,
    ema_decay=0.9,
    augment=False,
    mirror=False,
)


class Played:
    """A graph of which only the first replay is played: its capture has done the work."""

    def register_generator_state(self, generator: torch.Generator) -> None:
        """Hold nothing."""

    def replay(self) -> None:
        """Do nothing."""


@contextmanager
def captured(graph: Played) -> Iterator[None]:
    yield


@pytest.fixture
def graphs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "CUDAGraph", Played)
    monkeypatch.setattr(torch.cuda, "graph", captured)
    monkeypatch.setattr(Trainer, "_may_graph", lambda self: True)


def trainer(said: list[str] | None = None, **changes) -> Trainer:
    pixels = np.random.default_rng(0).integers(0, 256, (12, 16, 16, 3), dtype=np.uint8)
    return Trainer(
        FacesConfig(resolution=16, width=4, latent_size=8),
        replace(RECIPE, **changes),
        real=RealPictures(pixels, None, batch_size=4, seed=0, mirror=False),
        device="cpu",
        seed=0,
        log=(said if said is not None else []).append,
    )


def weights_after(one: Trainer) -> list[torch.Tensor]:
    for _ in range(STEPS):
        one.advance()
    return [*one.generator.parameters(), *one.discriminator.parameters()]


def plain(monkeypatch: pytest.MonkeyPatch, **changes) -> list[torch.Tensor]:
    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_may_graph", lambda self: False)
        return weights_after(trainer(**changes))


def failing_at(call: int, error: Exception):
    """A backward pass that fails half-way at one of its calls: odd ones judge, even ones draw."""
    calls = []
    whole = GraphedHalves._backward

    def backward(self: GraphedHalves, loss: torch.Tensor) -> torch.Tensor:
        calls.append(call)
        result = whole(self, loss)
        if len(calls) == call:
            raise error
        return result

    return backward


@pytest.mark.parametrize("call", [7, 8])
def test_a_half_that_cannot_be_captured_is_done_plainly_and_so_is_the_other(
    graphs, monkeypatch, call: int
) -> None:
    failing = failing_at(call, RuntimeError("not while capturing"))
    monkeypatch.setattr(GraphedHalves, "_backward", failing)
    said: list[str] = []
    weights = weights_after(trainer(said))
    assert said == ["The step stays without a graph: not while capturing"]
    expected = plain(monkeypatch)
    assert all(torch.equal(one, other) for one, other in zip(weights, expected, strict=True))


@pytest.mark.parametrize(("call", "augment"), [(3, False), (3, True), (4, False)])
def test_a_lack_of_memory_lets_no_network_learn_twice(
    graphs, monkeypatch, call: int, augment: bool
) -> None:
    failing = failing_at(call, torch.OutOfMemoryError("none left"))
    monkeypatch.setattr(GraphedHalves, "_backward", failing)
    weights = weights_after(trainer(augment=augment))
    expected = plain(monkeypatch, augment=augment)
    assert all(torch.equal(one, other) for one, other in zip(weights, expected, strict=True))
