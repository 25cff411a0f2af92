"""Item-kNN: what was met by the same people.

Sarwar et al., "Item-based collaborative filtering recommendation algorithms", WWW 2001; cosine of
the sets of users, shrunk so that two items met by one person each are no twins.
Axes: U users, I items, B histories.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import sparse

from modelmill_recommendation.interactions import Histories, Ints
from modelmill_recommendation.popularity import Scores

NEIGHBOURS = 200
SHRINKAGE = 20.0
# Somebody who met everything says nothing about which items belong together.
MOST_ITEMS = 1_000
_ROWS_AT_ONCE = 512
# Far below any likeness.
_BACKFILL = 1e-6


class ItemKnn:
    """Scores an item by its likeness to each item of a history, added up."""

    def __init__(self, likeness: Any, shares: Scores) -> None:
        """Take a sparse matrix ``(I, I)``, row ``i`` the neighbours of item ``i``.

        ``shares`` is the popularity of each item, ``(I,)``.
        """
        self.likeness, self.shares = likeness, shares

    def scores(self, histories: Sequence[Ints]) -> Scores:
        """Give the sums of likeness, ``(B, I)``; what is like nothing comes by popularity."""
        offsets = np.concatenate(([0], np.cumsum([len(items) for items in histories])))
        items = np.concatenate(histories) if len(histories) else np.empty(0, dtype=np.int64)
        ones = np.ones(len(items), dtype=np.float32)
        shape = (len(histories), self.likeness.shape[0])
        met = sparse.csr_matrix((ones, items, offsets), shape=shape)
        # Each row is summed in its own order, so a batch gives the bytes of each alone.
        scores: Scores = (met @ self.likeness).toarray().astype(np.float32)
        return scores + np.float32(_BACKFILL) * self.shares

    def likeness_of(self, items: Ints, others: Ints) -> Scores:
        """Give how much each of ``items`` says for each of ``others``, ``(items, others)``."""
        found: Scores = self.likeness[items][:, others].toarray().astype(np.float32)
        return found


def item_knn_fit(histories: Histories, *, item_count: int) -> ItemKnn:
    """Compare all pairs of items that somebody met both, a few hundred items at a time."""
    met = _met(histories, item_count)  # (U, I)
    counts = np.asarray(met.sum(axis=0)).ravel()  # (I,)
    by_item = met.T.tocsr()  # (I, U)
    blocks = []
    for first in range(0, item_count, _ROWS_AT_ONCE):
        together = (by_item[first : first + _ROWS_AT_ONCE] @ met).tocoo()
        rows, columns = together.row + first, together.col
        likeness = together.data / (np.sqrt(counts[rows] * counts[columns]) + SHRINKAGE)
        likeness[rows == columns] = 0.0
        shape = (together.shape[0], item_count)
        block = sparse.csr_matrix((likeness, (together.row, columns)), shape=shape)
        blocks.append(_nearest(block))
    shares = (counts / max(1.0, counts.sum())).astype(np.float32)
    return ItemKnn(sparse.vstack(blocks).tocsr().astype(np.float32), shares)


def _met(histories: Histories, item_count: int) -> Any:
    owners = np.repeat(np.arange(len(histories)), histories.lengths)
    places = np.arange(len(histories.items)) - histories.offsets[owners]
    is_new = places >= histories.lengths[owners] - MOST_ITEMS
    owners, items = owners[is_new], histories.items[is_new]
    pairs = np.unique(owners * item_count + items)
    ones = np.ones(len(pairs), dtype=np.float64)
    where = (pairs // item_count, pairs % item_count)
    return sparse.csr_matrix((ones, where), shape=(len(histories), item_count))


def _nearest(block: Any) -> Any:
    """Keep the largest ``NEIGHBOURS`` values of each row."""
    for row in range(block.shape[0]):
        values = block.data[block.indptr[row] : block.indptr[row + 1]]
        if len(values) > NEIGHBOURS:
            bar = np.partition(values, -NEIGHBOURS)[-NEIGHBOURS]
            values[values < bar] = 0.0
    block.eliminate_zeros()
    return block
