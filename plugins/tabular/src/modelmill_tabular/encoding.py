"""Rows as the models read them: numbers with gaps, and categories as small whole numbers.

Axes: N rows, M numbers, C categories.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist

import numpy as np

from modelmill_tabular.columns import Column, numbers_of
from modelmill_tabular.tables import Bools, Floats, Ints, Table, Texts, Values

# Codes of categories: nothing, one that the training did not show, then those it did.
MISSING, OTHER, FIRST = 0, 1, 2
# A number beyond all that the training showed is as far out as the outermost of many.
_OUTERMOST = 3.0


@dataclass(frozen=True)
class Encoded:
    """Rows ready for the models: ``numbers`` (N, M) with NaN for nothing, ``codes`` (N, C)."""

    numbers: Floats
    codes: Ints

    def __len__(self) -> int:
        return len(self.numbers)

    def take(self, rows: Ints | Bools) -> "Encoded":
        """Give some of the rows."""
        return Encoded(self.numbers[rows], self.codes[rows])


def encoded_join(first: Encoded, second: Encoded) -> Encoded:
    """Give the rows of both, one after the other."""
    return Encoded(
        np.concatenate((first.numbers, second.numbers)), np.concatenate((first.codes, second.codes))
    )


class Encoder:
    """Turns tables into what the models read, by the columns that the training found."""

    def __init__(self, columns: Sequence[Column]) -> None:
        """Take the columns in the order in which the models were given them."""
        self.columns = list(columns)
        self.number_columns = [one for one in columns if one.kind != "category"]
        self.category_columns = [one for one in columns if one.kind == "category"]
        self.code_counts = [FIRST + len(one.categories) for one in self.category_columns]
        self.number_count = sum(len(one.quantiles) for one in self.number_columns)

    def encode(self, table: Table) -> Encoded:
        """Encode all rows of a table that has these columns."""
        numbers = [numbers_of(one, table.columns[one.name]) for one in self.number_columns]
        codes = [_codes(one, table.columns[one.name]) for one in self.category_columns]
        none = np.empty((table.row_count, 0))
        return Encoded(
            np.concatenate([none, *numbers], axis=1),
            np.stack(codes, axis=1) if codes else none.astype(np.int64),
        )

    def for_trees(self, rows: Encoded) -> Floats:
        """Give ``(N, M + C)``, the categories last; nothing is NaN."""
        codes = np.where(rows.codes == MISSING, np.nan, rows.codes.astype(np.float64))
        return np.concatenate((rows.numbers, codes), axis=1)

    def evened(self, rows: Encoded) -> Floats:
        """Give the numbers spread as a normal distribution by their ranks, nothing as 0."""
        if not self._curves:
            return rows.numbers
        columns = [
            np.interp(rows.numbers[:, place], *curve) for place, curve in enumerate(self._curves)
        ]
        return np.nan_to_num(np.stack(columns, axis=1), nan=0.0)

    def features_of(self, column: Column) -> tuple[list[int], list[int]]:
        """Say which numbers and which codes a column became."""
        if column.kind == "category":
            return [], [self.category_columns.index(column)]
        first = 0
        for one in self.number_columns:
            if one is column:
                break
            first += len(one.quantiles)
        return list(range(first, first + len(column.quantiles))), []

    @cached_property
    def _curves(self) -> list[tuple[Floats, Floats]]:
        return [_curve(q) for one in self.number_columns for q in one.quantiles]


def _curve(quantiles: list[float]) -> tuple[Floats, Floats]:
    """Give values and the normal quantile of each, where equal values share the middle one."""
    values, places = np.unique(np.array(quantiles), return_inverse=True)
    shares = np.linspace(0, 1, len(quantiles))
    middle = np.bincount(places, weights=shares) / np.bincount(places)
    edge = NormalDist().cdf(_OUTERMOST)
    normal = NormalDist()
    spread = [normal.inv_cdf(float(np.clip(share, 1 - edge, edge))) for share in middle]
    return values, np.array(spread)


def _codes(column: Column, values: Values) -> Ints:
    assert isinstance(values, Texts)
    numbers = {word: FIRST + place for place, word in enumerate(column.categories)}
    # The last one is for place -1, nothing.
    by_word = np.array([*(numbers.get(word, OTHER) for word in values.words), MISSING])
    codes: Ints = by_word[values.places]
    return codes
