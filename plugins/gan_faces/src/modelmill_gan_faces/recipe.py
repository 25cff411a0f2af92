"""How long and how hard to train: the choices a customer need not make."""

from dataclasses import dataclass

import torch

from modelmill_gan_faces.config import FacesConfig
from modelmill_gan_faces.labels import Labels
from modelmill_gan_faces.params import TrainParams

WIDTHS = {"small": 16, "medium": 32, "large": 64}

CPU_STEPS = 4_000
GPU_STEPS = 20_000

# At equal seconds on a CPU, half the batch gave cleaner faces to the eye, in 1.7 times the steps.
CPU_BATCH_SIZE = 16
GPU_BATCH_SIZE = 64

WARM_UP_STEPS = 20
FINAL_RATE = 0.05
# Where the learning rate begins to fall, as a share of all steps.
DECAY_START = 0.6


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The hyperparameters of one training, all decided."""

    steps: int
    batch_size: int
    learning_rate: float
    gradient_penalty: float
    penalty_every: int
    ema_decay: float
    augment: bool
    mirror: bool

    def learning_rate_at(self, step: int) -> float:
        """Learning rate of a step: a short rise, a plateau, and a straight fall at the end.

        The fall lets the average settle; without it the pictures stay rougher.
        """
        rise = min(1.0, (step + 1) / WARM_UP_STEPS)
        left = (self.steps - step) / (self.steps * (1 - DECAY_START))
        return self.learning_rate * rise * max(FINAL_RATE, min(1.0, left))


def recipe_for(params: TrainParams, *, device: str, image_count: int) -> Recipe:
    """Fill in what the customer left to the plugin."""
    is_cpu = torch.device(device).type == "cpu"
    steps = params.steps or (CPU_STEPS if is_cpu else GPU_STEPS)
    return Recipe(
        steps=steps,
        batch_size=params.batch_size or (CPU_BATCH_SIZE if is_cpu else GPU_BATCH_SIZE),
        learning_rate=params.learning_rate,
        gradient_penalty=params.gradient_penalty,
        penalty_every=4,
        ema_decay=1 - 1 / min(1_000, max(20, steps / 5)),
        augment=params.augment and image_count < 100_000,
        mirror=params.mirror,
    )


def config_for(
    params: TrainParams, *, device: str, channels: int, labels: Labels | None
) -> FacesConfig:
    """Choose the sizes of the networks."""
    is_cpu = torch.device(device).type == "cpu"
    size = params.size if params.size != "auto" else ("small" if is_cpu else "large")
    return FacesConfig(
        resolution=params.resolution,
        channels=channels,
        width=WIDTHS[size],
        labels=labels.names if labels else (),
        label_counts=labels.counts if labels else (),
    )
