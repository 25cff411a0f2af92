"""A trainer's state on disk: one safetensors file and the step, no pickle."""

import json
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from modelmill_gan_faces.trainer import Trainer

STATE_FILE = "state.safetensors"
STEP_FILE = "state.json"

MOMENTS = ("step", "exp_avg", "exp_avg_sq")


def checkpoint_save(trainer: Trainer, folder: Path) -> None:
    """Write everything that the steps to come depend on.

    Random numbers and the place in the data follow from the seed and the step (see `Trainer`).
    """
    tensors = {name: tensor.contiguous().cpu() for name, tensor in _tensors(trainer).items()}
    save_file(tensors, folder / STATE_FILE)
    (folder / STEP_FILE).write_text(json.dumps({"step": trainer.step}), encoding="utf-8")


@torch.no_grad()
def checkpoint_restore(trainer: Trainer, folder: Path) -> None:
    """Give a new trainer of the same configuration the state that `checkpoint_save` wrote."""
    saved = load_file(folder / STATE_FILE)
    _prepare_moments(trainer)
    for name, tensor in _tensors(trainer).items():
        # In place, because the memory layout decides how sums are rounded.
        tensor.copy_(saved[name])
    trainer.step = int(json.loads((folder / STEP_FILE).read_text(encoding="utf-8"))["step"])


def _tensors(trainer: Trainer) -> dict[str, Tensor]:
    """Every tensor of the state under one flat name, as it is in memory."""
    tensors: dict[str, Tensor] = {}
    for part in ("generator", "discriminator", "average"):
        for name, tensor in getattr(trainer, part).state_dict().items():
            tensors[f"{part}.{name}"] = tensor
    for part in ("generator_adam", "discriminator_adam"):
        adam: torch.optim.Adam = getattr(trainer, part)
        for index, weight in enumerate(adam.param_groups[0]["params"]):
            for moment in MOMENTS:
                if adam.state[weight]:
                    tensors[f"{part}.{index}.{moment}"] = adam.state[weight][moment]
    return tensors


def _prepare_moments(trainer: Trainer) -> None:
    """Allocate what Adam makes on its first step, laid out as Adam does."""
    for adam in (trainer.generator_adam, trainer.discriminator_adam):
        for weight in adam.param_groups[0]["params"]:
            adam.state[weight] = {
                "step": torch.tensor(0.0),
                "exp_avg": torch.zeros_like(weight, memory_format=torch.preserve_format),
                "exp_avg_sq": torch.zeros_like(weight, memory_format=torch.preserve_format),
            }
