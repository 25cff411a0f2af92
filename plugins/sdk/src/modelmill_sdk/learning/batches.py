"""Which rows each batch holds, decided by seed and batch number alone.

Nothing is remembered between two batches, so a resumed training reads on where it stopped and a
checkpoint holds no position in the data.

Axes: N rows, B batch, H height, W width, C channels.
"""

from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from modelmill_sdk.learning.pictures import Bytes

Rows = npt.NDArray[np.int64]


class Shuffled:
    """An endless reading of rows in an order that each epoch shuffles anew."""

    def __init__(self, count: int, *, batch_size: int, seed: int) -> None:
        """Read ``count`` rows, ``batch_size`` at a time; an epoch shows each row once."""
        if count < 1:
            raise ValueError("There is no row to read.")
        self.count, self.batch_size, self.seed = count, batch_size, seed

    @property
    def batches_per_epoch(self) -> int:
        """Batches it takes to show every row once, the last one borrowing from the next epoch."""
        return -(-self.count // self.batch_size)

    def rows(self, index: int) -> Rows:
        """Give the rows of batch number ``index``, ``(B,)``; the same ones at every call."""
        places = np.arange(index * self.batch_size, (index + 1) * self.batch_size)  # (B,)
        epochs, within = np.divmod(places, self.count)  # (B,), (B,)
        if epochs[0] == epochs[-1]:
            return _order(self.count, self.seed, int(epochs[0]))[within]
        rows = np.empty(self.batch_size, dtype=np.int64)
        for epoch in np.unique(epochs):
            chosen = epochs == epoch
            rows[chosen] = _order(self.count, self.seed, int(epoch))[within[chosen]]
        return rows


class PictureBatches:
    """Batches of decoded pictures ``(N, H, W, C)``, half of them mirrored if asked for."""

    def __init__(self, pictures: Bytes, *, batch_size: int, seed: int, mirror: bool) -> None:
        """Read ``pictures`` as ``pictures_decode`` made them."""
        self.pictures, self.mirror = pictures, mirror
        self.order = Shuffled(len(pictures), batch_size=batch_size, seed=seed)

    def batch(self, index: int, *, device: str = "cpu") -> Tensor:
        """Give batch number ``index``: ``(B, C, H, W)`` in [-1, 1], channels last in memory."""
        pixels = torch.from_numpy(self.bytes(index)).to(device)  # (B, H, W, C)
        return pixels.permute(0, 3, 1, 2).float().div_(127.5).sub_(1.0)  # (B, C, H, W)

    def bytes(self, index: int) -> Bytes:
        """Give batch number ``index`` as bytes, ``(B, H, W, C)`` in 0 … 255."""
        pixels = self.pictures[self.order.rows(index)]  # (B, H, W, C)
        if self.mirror:
            coins = np.random.default_rng((self.order.seed, 1, index)).random(len(pixels)) < 0.5
            pixels[coins] = pixels[coins, :, ::-1]
        return pixels


@lru_cache(maxsize=4)
def _order(count: int, seed: int, epoch: int) -> Rows:
    order: Rows = np.random.default_rng((seed, 0, epoch)).permutation(count)
    return order
