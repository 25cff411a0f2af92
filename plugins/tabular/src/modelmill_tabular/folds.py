"""Which rows are learned from and which are judged by: a part of many, each once of few.

With few rows a single held-out part is a handful, and whatever is stopped, chosen and calibrated by
it is left to chance. Then the rows are dealt into parts, a model is made for each part from all the
others, and all of them answer together: Breiman, "Stacked regressions", Machine Learning 1996, and
van der Laan et al., "Super learner", 2007, for judging by what each model has not seen.
"""

from dataclasses import dataclass

import numpy as np

from modelmill_tabular.tables import Floats, Ints

FEW_ROWS = 2_000
FOLDS_OF_FEW = 5


@dataclass(frozen=True)
class Fold:
    """Places of the rows that one model learns from, and of those that it is judged by."""

    learned: Ints
    heldout: Ints


def fold_count(asked: int, *, row_count: int) -> int:
    """Give how many models are made; 0 asks for five where rows are few, else for one."""
    return asked or (FOLDS_OF_FEW if row_count < FEW_ROWS else 1)


def folds_deal(wanted: Floats, *, count: int, is_classes: bool, seed: int) -> list[Fold]:
    """Deal rows with answers ``wanted`` (N,) into ``count`` parts, each class evenly.

    Of a class with fewer rows than parts some parts hold none; amounts are dealt by chance alone.
    """
    draw = np.random.default_rng((seed, 5))
    mixed = draw.permutation(len(wanted))
    # Dealt like cards, class after class: no part gets two more of a class than another.
    order = mixed[np.argsort(wanted[mixed], kind="stable")] if is_classes else mixed
    part = np.empty(len(wanted), dtype=np.int64)
    part[order] = np.arange(len(wanted)) % count
    return [Fold(np.flatnonzero(part != one), np.flatnonzero(part == one)) for one in range(count)]
