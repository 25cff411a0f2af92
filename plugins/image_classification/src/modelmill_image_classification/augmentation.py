"""Pictures varied while learning: turned, scaled, shifted, relit, mirrored.

Every batch draws from a generator of its own, on the CPU, so that seed and batch number alone
decide it on every device.

Axes: B batch, C channels, H height, W width.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """How far pictures are varied. ``shift`` is a share of the side; ``light`` of the deviation."""

    turn_degrees: float = 10.0
    scale: float = 0.1
    shift: float = 0.07
    light: float = 0.0
    mirror: bool = False

    @property
    def is_nothing(self) -> bool:
        """Whether pictures stay as they are."""
        return not (self.turn_degrees or self.scale or self.shift or self.light or self.mirror)


NOTHING = Augmentation(turn_degrees=0, scale=0, shift=0)


def augment(pictures: Tensor, how: Augmentation, random: torch.Generator) -> Tensor:
    """Vary ``(B, C, H, W)``; what comes into view at the edges repeats them."""
    if how.is_nothing:
        return pictures
    count = len(pictures)
    draws = torch.rand(8, count, generator=random).to(pictures.device) * 2 - 1  # (8, B)
    turned = _grid(_moves(draws, how), height=pictures.shape[2], width=pictures.shape[3])
    moved = F.grid_sample(pictures, turned, padding_mode="border", align_corners=False)
    if how.light:
        contrast = (how.light * draws[5]).exp()[:, None, None, None]
        moved = moved * contrast + how.light * draws[6][:, None, None, None]
    return moved.contiguous(memory_format=torch.channels_last)


def _moves(draws: Tensor, how: Augmentation) -> Tensor:
    """An affine map for each picture, ``(B, 2, 3)``."""
    angle = draws[0] * math.radians(how.turn_degrees)
    size = 1 + how.scale * draws[1]
    flip = torch.where(draws[2] < 0, -1.0, 1.0) if how.mirror else torch.ones_like(angle)
    cos, sin = angle.cos() * size, angle.sin() * size
    shift = 2 * how.shift * draws[3:5]  # (2, B), where the side is 2 long
    across = torch.stack([flip * cos, -sin, shift[0]], 1)  # (B, 3)
    down = torch.stack([flip * sin, cos, shift[1]], 1)  # (B, 3)
    return torch.stack([across, down], 1)


def _grid(moves: Tensor, *, height: int, width: int) -> Tensor:
    """Where each place of a picture comes from, ``(B, H, W, 2)`` in [-1, 1].

    What ``F.affine_grid`` gives, without its batch of thin matrix products, which took twice as
    long as the sampling itself.
    """
    across = (2 * torch.arange(width, device=moves.device) + 1) / width - 1  # (W,)
    down = (2 * torch.arange(height, device=moves.device) + 1) / height - 1  # (H,)
    by_x, by_y, shift = moves[:, None, None].unbind(-1)  # each (B, 1, 1, 2)
    return (by_y * down[:, None, None] + shift) + by_x * across[:, None]
