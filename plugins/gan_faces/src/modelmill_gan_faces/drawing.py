"""Pictures drawn by a trained generator, one latent each.

Axes: B batch, L latent, C channels, H height, W width.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor

from modelmill_gan_faces.config import FacesConfig
from modelmill_gan_faces.generator import Generator

WEIGHTS_FILE = "model.safetensors"

GRID_COLUMNS = 8
GRID_ROWS = 4
GRID_GAP = 2


def model_save(generator: Generator, config: FacesConfig, folder: Path) -> None:
    """Write a finished generator as safetensors and JSON."""
    tensors = {name: t.contiguous().cpu() for name, t in generator.state_dict().items()}
    save_file(tensors, folder / WEIGHTS_FILE)
    config.write(folder)


def model_load(folder: Path, device: str) -> Generator:
    """Read what `model_save` wrote, ready to draw."""
    generator = Generator(FacesConfig.read(folder))
    generator.load_state_dict(load_file(folder / WEIGHTS_FILE))
    return generator.to(device).eval().requires_grad_(False)


def latents_of(seeds: Sequence[int], *, latent_size: int) -> Tensor:
    """The latent of each seed, `(B, L)`, drawn on the CPU so that every device has the same."""
    rows = [
        torch.randn(latent_size, generator=torch.Generator().manual_seed(seed)) for seed in seeds
    ]
    return torch.stack(rows)  # (B, L)


@torch.no_grad()
def draw(generator: Generator, seeds: Sequence[int], *, truncation: float) -> list[Image.Image]:
    """Draw the picture of each seed.

    One at a time: a library may sum in another order for another batch size, and a seed has to
    give the same bytes whoever else's picture is drawn in the same moment.
    """
    device = generator.style_mean.device
    latents = latents_of(seeds, latent_size=len(generator.style_mean)).to(device)  # (B, L)
    return [
        _image(generator(latent[None], truncation=truncation)[0])  # (C, H, W)
        for latent in latents
    ]


def grid(pictures: Sequence[Image.Image]) -> Image.Image:
    """Lay pictures of one size out in rows of eight on white."""
    side = pictures[0].width + GRID_GAP
    rows = -(-len(pictures) // GRID_COLUMNS)
    size = (GRID_COLUMNS * side - GRID_GAP, rows * side - GRID_GAP)
    sheet = Image.new(pictures[0].mode, size, "white")
    for index, picture in enumerate(pictures):
        row, column = divmod(index, GRID_COLUMNS)
        sheet.paste(picture, (column * side, row * side))
    return sheet


def _image(picture: Tensor) -> Image.Image:
    """Convert `(C, H, W)` in [-1, 1] to a PIL image."""
    pixels = ((picture.float() + 1) * 127.5).round().clamp(0, 255).byte()  # (C, H, W)
    array = pixels.permute(1, 2, 0).cpu().numpy()  # (H, W, C)
    return Image.fromarray(array[:, :, 0] if array.shape[2] == 1 else array)
