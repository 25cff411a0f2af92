"""From what a customer set to what a training does; "auto" is decided here."""

from dataclasses import dataclass

import torch

from modelmill_recommendation.network import Config
from modelmill_recommendation.params import TrainParams

READINGS = 40
LEAST_STEPS = 300
_SIZES = {"small": (64, 2, 2), "medium": (128, 2, 4), "large": (256, 3, 4)}
# A batch's logits, at most: 64 MiB of floats, several times over while learning.
_LOGITS_AT_ONCE = 1 << 24


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What a training does."""

    steps: int
    batch_size: int
    part_size: int
    learning_rate: float
    measure_every: int
    patience: int


def config_for(params: TrainParams, *, device: str, items: int) -> Config:
    """Give the network's shape for this many items."""
    on_gpu = torch.device(device).type != "cpu"
    size = params.size if params.size != "auto" else ("medium" if on_gpu else "small")
    width, blocks, heads = _SIZES[size]
    return Config(
        items=items,
        length=params.history,
        width=width,
        blocks=blocks,
        heads=heads,
        dropout=params.dropout,
    )


def batch_size_for(params: TrainParams, *, device: str) -> int:
    """Give how many pieces of histories a step looks at."""
    return params.batch_size or (64 if torch.device(device).type == "cpu" else 256)


def recipe_for(params: TrainParams, config: Config, *, device: str, per_reading: int) -> Recipe:
    """Give the training's numbers, where one reading of the data takes ``per_reading`` steps."""
    batch_size = batch_size_for(params, device=device)
    steps = params.steps or max(LEAST_STEPS, READINGS * per_reading)
    fits = max(1, _LOGITS_AT_ONCE // (config.length * config.items))
    return Recipe(
        steps=steps,
        batch_size=batch_size,
        part_size=min(batch_size, fits),
        learning_rate=params.learning_rate,
        measure_every=max(1, min(steps // 20, 2 * per_reading)),
        patience=params.patience,
    )
