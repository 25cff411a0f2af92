"""Batches of real pictures with their labels, where the step number alone decides what is in each.

Axes: B batch, C channels, H height, W width, N pictures.
"""

import torch
from modelmill_sdk.learning.batches import PictureBatches
from modelmill_sdk.learning.pictures import Bytes
from torch import Tensor

from modelmill_gan_faces.labels import Labels


class RealPictures:
    """An endless, shuffled reading of decoded pictures `(N, H, W, C)`."""

    def __init__(
        self, pictures: Bytes, labels: Labels | None, *, batch_size: int, seed: int, mirror: bool
    ) -> None:
        self.batches = PictureBatches(pictures, batch_size=batch_size, seed=seed, mirror=mirror)
        self.numbers = None if labels is None else torch.from_numpy(labels.numbers)  # (N,)

    def batch(self, index: int, *, device: str) -> tuple[Tensor, Tensor | None]:
        """Batch number `index`: pictures `(B, C, H, W)` in [-1, 1] and labels `(B,)`."""
        # The augmentation is several times faster on planes than on channels-last pictures.
        pictures = self.batches.batch(index, device=device).contiguous()  # (B, C, H, W)
        if self.numbers is None:
            return pictures, None
        rows = torch.from_numpy(self.batches.order.rows(index))  # (B,)
        return pictures, self.numbers[rows].to(device)
