"""Batches of real pictures, where the step number alone decides what is in each.

Nothing is remembered between two batches, so a resumed run reads on where it stopped and a
checkpoint holds no position.

Axes: B batch, C channels, H height, W width.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from modelmill_gan_faces.pictures import Bytes


@dataclass(frozen=True, kw_only=True)
class Batches:
    """An endless, shuffled reading of pictures `(N, H, W, C)` in batches of one size."""

    pictures: Bytes
    batch_size: int
    seed: int
    mirror: bool = True

    def batch(self, index: int, *, device: str = "cpu") -> Tensor:
        """Batch number `index`: `(B, C, H, W)` in [-1, 1]."""
        pixels = torch.from_numpy(self.pictures[self.rows(index)])  # (B, H, W, C)
        pictures = pixels.to(device).permute(0, 3, 1, 2).contiguous() / 127.5 - 1  # (B, C, H, W)
        if self.mirror:
            coins = np.random.default_rng((self.seed, 1, index)).random(self.batch_size) < 0.5
            flip = torch.from_numpy(coins).to(device)[:, None, None, None]  # (B, 1, 1, 1)
            pictures = torch.where(flip, pictures.flip(3), pictures)  # (B, C, H, W)
        return pictures

    def rows(self, index: int) -> npt.NDArray[np.int64]:
        """Which pictures batch number `index` holds; each epoch shows each picture once."""
        count = len(self.pictures)
        places = np.arange(index * self.batch_size, (index + 1) * self.batch_size)  # (B,)
        epochs, within = np.divmod(places, count)  # (B,), (B,)
        rows = np.empty(self.batch_size, dtype=np.int64)
        for epoch in np.unique(epochs):
            order = np.random.default_rng((self.seed, 0, int(epoch))).permutation(count)  # (N,)
            rows[epochs == epoch] = order[within[epochs == epoch]]
        return rows
