"""Which rows each batch holds, decided by seed and batch number alone.

Axes: N rows, B batch, K classes.
"""

import secrets
from typing import Protocol

import numpy as np
from modelmill_sdk.learning.batches import Shuffled

from modelmill_image_classification.numbers import Numbers, Reals


class Lots(Protocol):
    """A way to draw batches."""

    def rows(self, index: int) -> Numbers:
        """Give the places, of all rows, that batch number ``index`` holds, ``(B,)``."""


class EvenLots:
    """Every row once an epoch, in an order that each epoch shuffles anew."""

    def __init__(self, count: int, *, batch_size: int, seed: int) -> None:
        """Read ``count`` rows."""
        self._order = Shuffled(count, batch_size=batch_size, seed=seed)

    def rows(self, index: int) -> Numbers:
        """Give the places that batch number ``index`` holds, ``(B,)``."""
        return self._order.rows(index)


class BalancedLots:
    """Every class as often as any other: a class by its turn, then a row of it in shuffled order.

    A rare class's rows come again and again, varied each time; a frequent one's are all seen, only
    less often.
    """

    def __init__(self, labels: Numbers, *, batch_size: int, seed: int) -> None:
        """Read rows with these labels, ``(N,)``."""
        self._batch_size = batch_size
        self._classes = [np.flatnonzero(labels == label) for label in np.unique(labels)]
        self._orders = [
            Shuffled(len(rows), batch_size=1, seed=seed + number)
            for number, rows in enumerate(self._classes)
        ]

    def rows(self, index: int) -> Numbers:
        """Give the places that batch number ``index`` holds, ``(B,)``."""
        turns = np.arange(index * self._batch_size, (index + 1) * self._batch_size)
        rounds, turn_of = np.divmod(turns, len(self._classes))
        drawn = [
            self._classes[turn][self._orders[turn].rows(int(number))[0]]
            for number, turn in zip(rounds, turn_of, strict=True)
        ]
        return np.array(drawn, dtype=np.int64)


class SecretLots:
    """Every row with the same chance in each batch, independently, by a secret throw of dice.

    What differential privacy's accounting assumes (Mironov et al., arXiv 1908.10530). A batch that
    could be guessed would protect nobody, so no seed decides it.
    """

    def __init__(self, count: int, *, chance: float) -> None:
        """Draw from ``count`` rows, each with this chance."""
        self._count, self._chance = count, chance

    def rows(self, index: int) -> Numbers:
        """Give the places of a batch, of another size each time and sometimes none."""
        dice = np.random.default_rng(secrets.randbits(128))
        return np.flatnonzero(dice.random(self._count) < self._chance)


def class_weights(counts: Numbers) -> Reals:
    """Weigh each class by how rare it is, ``(K,)``; the mean over all examples is 1."""
    present = counts > 0
    weights = np.zeros(len(counts))
    weights[present] = counts.sum() / (present.sum() * counts[present])
    return weights
