"""The simplest model: what most people met."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from modelmill_recommendation.interactions import Histories, Ints

Scores = npt.NDArray[np.float32]


class Popularity:
    """Scores each item by how many users met it, whoever asks."""

    def __init__(self, counts: Ints) -> None:
        """Take the number of users who met each item, ``(I,)``."""
        self.counts = counts

    def scores(self, histories: Sequence[Ints]) -> Scores:
        """Give each item's share of all meetings, ``(B, I)``."""
        shares = (self.counts / max(1, self.counts.sum())).astype(np.float32)
        return np.broadcast_to(shares, (len(histories), len(shares)))


def popularity_fit(histories: Histories, *, item_count: int) -> Popularity:
    """Count users, so that one who comes back every day weighs no more than another."""
    owners = np.repeat(np.arange(len(histories)), histories.lengths)
    pairs = np.unique(owners * item_count + histories.items)
    return Popularity(np.bincount(pairs % item_count, minlength=item_count).astype(np.int64))
