"""Pictures drawn by a trained generator, one latent each.

Axes: B batch, L latent, C channels, H height, W width.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from modelmill_sdk.learning.sheets import image_of
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor

from modelmill_gan_faces.config import FacesConfig
from modelmill_gan_faces.generator import Generator

WEIGHTS_FILE = "model.safetensors"


@dataclass(frozen=True)
class Model:
    """A finished generator with what it says about itself."""

    generator: Generator
    config: FacesConfig

    @property
    def device(self) -> torch.device:
        """Where it draws."""
        return self.generator.style_mean.device


def model_save(generator: Generator, config: FacesConfig, folder: Path) -> None:
    """Write a finished generator as safetensors and JSON."""
    tensors = {name: t.contiguous().cpu() for name, t in generator.state_dict().items()}
    save_file(tensors, folder / WEIGHTS_FILE)
    config.write(folder)


def model_load(folder: Path, device: str) -> Model:
    """Read what `model_save` wrote, ready to draw."""
    config = FacesConfig.read(folder)
    generator = Generator(config)
    generator.load_state_dict(load_file(folder / WEIGHTS_FILE))
    return Model(generator.to(device).eval().requires_grad_(False), config)


def latents_of(seeds: Sequence[int], *, latent_size: int) -> Tensor:
    """The latent of each seed, `(B, L)`, drawn on the CPU so that every device has the same."""
    rows = [
        torch.randn(latent_size, generator=torch.Generator().manual_seed(seed)) for seed in seeds
    ]
    return torch.stack(rows)  # (B, L)


def labels_of(seeds: Sequence[int], config: FacesConfig) -> Tensor | None:
    """A label for each seed, `(B,)`, each as often as it was seen; None where none are known."""
    if not config.labels:
        return None
    shares = torch.tensor(config.label_counts, dtype=torch.float64)  # (K,)
    bounds = (shares / shares.sum()).cumsum(0)  # (K,)
    # Another stream than the latent's, so that the two have nothing to do with each other.
    draws = [
        torch.rand((), generator=torch.Generator().manual_seed(seed ^ 0x5EED), dtype=torch.float64)
        for seed in seeds
    ]
    return torch.searchsorted(bounds, torch.stack(draws), right=True).clamp_max(len(shares) - 1)


@torch.no_grad()
def draw_one(
    model: Model, latent: Tensor, label: Tensor | None, *, truncation: float
) -> Image.Image:
    """Draw one latent `(L,)`, with its label `()` where the model knows some.

    One at a time: a library may sum in another order for another batch size, and a seed has to
    give the same bytes whoever else's picture is drawn in the same moment.
    """
    labels = None if label is None else label[None].to(model.device)  # (1,)
    drawn = model.generator(latent[None].to(model.device), labels, truncation=truncation)
    return image_of(drawn[0])


@torch.no_grad()
def draw_many(model: Model, seeds: Sequence[int], *, at_once: int = 32) -> Tensor:
    """Draw pictures `(B, C, H, W)` in [-1, 1] with all their variety, to be measured or shown."""
    latents = latents_of(seeds, latent_size=model.config.latent_size).to(model.device)  # (B, L)
    labels = labels_of(seeds, model.config)  # (B,)
    parts = []
    for first in range(0, len(seeds), at_once):
        part = slice(first, first + at_once)
        named = None if labels is None else labels[part].to(model.device)
        parts.append(model.generator(latents[part], named).float())
    return torch.cat(parts)  # (B, C, H, W)
