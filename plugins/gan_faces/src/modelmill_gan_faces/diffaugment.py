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
    """Change brightness by ±0.25, then saturation by 0–2×, then contrast by 0.5–1.5×.

    The three are affine, so they are multiplied out: contrast · saturation of each channel, the
    rest of its contrast from the grey picture, and one offset.
    """
    bright, saturation, contrast = _uniform((3, len(pictures), 1, 1, 1), pictures, random)
    bright, saturation, contrast = (bright - 0.5) * 0.5, saturation * 2, contrast + 0.5
    mean = pictures.mean(dim=(1, 2, 3), keepdim=True)  # (B, 1, 1, 1)
    offset = bright + (1 - contrast) * mean  # (B, 1, 1, 1)
    if pictures.shape[1] == 1:
        pictures = pictures * contrast + offset  # (B, 1, H, W)
        return pictures
    grey = pictures.mean(dim=1, keepdim=True)  # (B, 1, H, W)
    return torch.addcmul(
        grey * (contrast * (1 - saturation)) + offset, pictures, contrast * saturation
    )  # (B, C, H, W)


def shift_place(pictures: Tensor, random: torch.Generator) -> Tensor:
    """Shift by up to an eighth, by whole pixels; what comes in is zero, the middle grey."""
    count, _, height, width = pictures.shape
    right, down = _uniform((2, count), pictures, random)  # (B,), (B,)
    affine = torch.eye(2, 3, device=pictures.device, dtype=pictures.dtype)  # (2, 3)
    affine = affine.repeat(count, 1, 1)  # (B, 2, 3)
    # Half a picture is 1 in the sampler's coordinates.
    affine[:, 0, 2] = _whole_shift(right, width) * 2 / width  # (B,)
    affine[:, 1, 2] = _whole_shift(down, height) * 2 / height  # (B,)
    # Not an indexed read: its gradient adds up in no fixed order on several threads, and a seed
    # has to give the same weights each time.
    places = F.affine_grid(affine, list(pictures.shape), align_corners=False)  # (B, H, W, 2)
    return F.grid_sample(pictures, places, mode="nearest", align_corners=False)  # (B, C, H, W)


def cut_hole(pictures: Tensor, random: torch.Generator) -> Tensor:
    """Set a square of a quarter of the picture's side to zero, somewhere in it."""
    height, width = pictures.shape[2:]
    middle_y, middle_x = _uniform((2, len(pictures), 1), pictures, random)  # (B, 1), (B, 1)
    rows = _near(middle_y, height).to(pictures.dtype)  # (B, H)
    columns = _near(middle_x, width).to(pictures.dtype)  # (B, W)
    hole = rows[:, None, :, None] * columns[:, None, None, :]  # (B, 1, H, W)
    return pictures * (1 - hole)  # (B, C, H, W)


def _whole_shift(uniform: Tensor, size: int) -> Tensor:
    most = int(size * MAX_SHIFT)
    return (uniform * (2 * most + 1)).floor() - most


def _near(middle: Tensor, size: int) -> Tensor:
    """Which of `size` places lie within the hole around `middle`, a share of them."""
    places = torch.arange(size, device=middle.device)
    return (places - (middle * size).floor()).abs() <= size * CUTOUT_SIZE / 2


def _uniform(shape: tuple[int, ...], like: Tensor, random: torch.Generator) -> Tensor:
    """Uniform numbers in [0, 1) on the device and in the precision of `like`."""
    return torch.rand(shape, generator=random, device=like.device, dtype=like.dtype)
