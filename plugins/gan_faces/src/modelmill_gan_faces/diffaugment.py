"""Differentiable augmentation of real and generated pictures alike (DiffAugment).

Zhao, Liu, Lin, Zhu, Han: "Differentiable augmentation for data-efficient GAN training",
NeurIPS 2020, section 3.2 and appendix A: colour, translation by up to 1/8, cutout. The
discriminator never sees a picture as it is, so it cannot learn a small dataset by heart.

Axes: B batch, C channels, H height, W width. All draws come from the given generator.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

MAX_SHIFT = 1 / 8
CUTOUT_SIZE = 1 / 4


def diffaugment(pictures: Tensor, random: torch.Generator) -> Tensor:
    """Augment each picture `(B, C, H, W)` by its own random colour, shift and hole."""
    pictures = shift_colour(pictures, random)  # (B, C, H, W)
    pictures = shift_place(pictures, random)  # (B, C, H, W)
    return cut_hole(pictures, random)  # (B, C, H, W)


def shift_colour(pictures: Tensor, random: torch.Generator) -> Tensor:
    """Change brightness by ±0.25, then saturation by 0–2×, then contrast by 0.5–1.5×."""
    bright, saturation, contrast = _uniform((3, len(pictures), 1, 1, 1), pictures, random)
    pictures = pictures + (bright - 0.5) * 0.5  # (B, C, H, W)
    if pictures.shape[1] > 1:
        grey = pictures.mean(dim=1, keepdim=True)  # (B, 1, H, W)
        pictures = (pictures - grey) * (saturation * 2) + grey  # (B, C, H, W)
    mean = pictures.mean(dim=(1, 2, 3), keepdim=True)  # (B, 1, 1, 1)
    varied: Tensor = (pictures - mean) * (contrast + 0.5) + mean  # (B, C, H, W)
    return varied


def shift_place(pictures: Tensor, random: torch.Generator) -> Tensor:
    """Shift by up to an eighth in both directions; what comes in is black's middle, zero."""
    height, width = pictures.shape[2:]
    down = _shifts(height, pictures, random)  # (B, 1, H, H)
    right = _shifts(width, pictures, random)  # (B, 1, W, W)
    # Products with shifted identities, because the gradient of an indexed read adds up in no
    # fixed order on several threads, and a seed has to give the same weights each time.
    return down @ pictures @ right.transpose(2, 3)  # (B, C, H, W)


def cut_hole(pictures: Tensor, random: torch.Generator) -> Tensor:
    """Set a square of a quarter of the picture's side to zero, somewhere in it."""
    height, width = pictures.shape[2:]
    middle_y, middle_x = _uniform((2, len(pictures), 1, 1, 1), pictures, random)
    y = torch.arange(height, device=pictures.device)[:, None]  # (H, 1)
    x = torch.arange(width, device=pictures.device)[None, :]  # (1, W)
    in_rows = (y - (middle_y * height).floor()).abs() <= height * CUTOUT_SIZE / 2  # (B, 1, H, 1)
    in_columns = (x - (middle_x * width).floor()).abs() <= width * CUTOUT_SIZE / 2  # (B, 1, 1, W)
    return pictures.masked_fill(in_rows & in_columns, 0.0)  # (B, C, H, W)


def _shifts(size: int, like: Tensor, random: torch.Generator) -> Tensor:
    """One shifted identity matrix for each picture, `(B, 1, size, size)`."""
    most = int(size * MAX_SHIFT)
    shift = (_uniform((len(like),), like, random) * (2 * most + 1)).floor().long() - most  # (B,)
    source = torch.arange(size, device=like.device) - shift[:, None]  # (B, size)
    # Rows whose source lies outside of the picture point at an extra column, which is cut off.
    source = torch.where((source >= 0) & (source < size), source, size)  # (B, size)
    return F.one_hot(source, size + 1)[:, None, :, :size].to(like.dtype)  # (B, 1, size, size)


def _uniform(shape: tuple[int, ...], like: Tensor, random: torch.Generator) -> Tensor:
    """Uniform numbers in [0, 1) on the device and in the precision of `like`."""
    return torch.rand(shape, generator=random, device=like.device, dtype=like.dtype)
