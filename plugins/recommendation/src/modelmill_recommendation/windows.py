"""Batches of pieces of histories, each item of which is to be guessed from those before it.

Axes: W windows, B batch, L positions.
"""

import numpy as np
import torch
from modelmill_sdk.learning.batches import Shuffled
from torch import Tensor

from modelmill_recommendation.interactions import Histories, Ints


class Windows:
    """Every history cut from its end into pieces of ``length`` + 1 that share one item."""

    def __init__(self, histories: Histories, *, length: int, batch_size: int, seed: int) -> None:
        """Cut the histories; one of a single item has nothing to guess and is left out."""
        self.length = length
        # Number 0 is no item, and fills the front.
        self._items = np.concatenate(([0], histories.items + 1))
        self._begins, self._ends = _cuts(histories, length)  # (W,), (W,)
        self.order = Shuffled(len(self._ends), batch_size=batch_size, seed=seed)

    def batch(self, index: int) -> Tensor:
        """Give batch number ``index``, ``(B, L + 1)``: oldest first, 0 where there is no item."""
        rows = self.order.rows(index)
        begins, ends = self._begins[rows], self._ends[rows]  # (B,), (B,)
        # Half of the time a piece ends a little earlier, so that its items change their places.
        draw = np.random.default_rng((self.order.seed, 3, index))
        most = np.minimum(self.length // 2, ends - begins - 2)
        ends = ends - draw.integers(0, np.where(draw.random(len(rows)) < 0.5, most, 0) + 1)
        places = ends[:, None] + np.arange(-self.length - 1, 0)[None]  # (B, L + 1)
        places = np.where(places >= begins[:, None], places + 1, 0)
        return torch.from_numpy(self._items[places])


def _cuts(histories: Histories, length: int) -> tuple[Ints, Ints]:
    begins, ends = [], []
    for begin, end in zip(histories.offsets[:-1], histories.offsets[1:], strict=True):
        cuts = np.arange(end, begin + 1, -length)
        ends.append(cuts)
        begins.append(np.full(len(cuts), begin))
    return np.concatenate(begins), np.concatenate(ends)
