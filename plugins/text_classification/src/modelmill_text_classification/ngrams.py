"""N-grams as numbers: a vocabulary of units, and a sorted list of the n-grams that were kept.

Counting strings one by one is what makes most TF-IDF slow. Here each unit (a word or a character)
is a number from 1 on, an n-gram is the number that its units spell in base V + 1, and all n-grams
of all texts are counted at once by sorting.

Axes: P places in all texts put end to end, D texts, F n-grams kept.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Literal

import numpy as np
import scipy.sparse as sp

from modelmill_text_classification.numbers import Numbers
from modelmill_text_classification.words import text_plain, words_join, words_of

Unit = Literal["word", "character"]

# Keys are 64-bit numbers, so that many units are the most for each order.
_KEY_BITS = 62
# An n-gram of one text says little where there are many; with few texts all are kept.
_MANY_TEXTS = 300


@dataclass(kw_only=True)
class Ngrams:
    """The n-grams of a unit, from ``lowest`` to ``highest`` many, that are looked for in texts."""

    unit: Unit
    lowest: int
    highest: int
    units: list[str]
    keys: Numbers

    def __post_init__(self) -> None:
        self._numbers = {unit: number for number, unit in enumerate(self.units, start=1)}

    def __len__(self) -> int:
        return len(self.keys)

    def count(self, texts: Sequence[str]) -> sp.csr_matrix:
        """Count what was kept in each text, ``(D, F)``."""
        return self.count_split([_splitter(self.unit)(text) for text in texts])

    def count_split(self, texts: list[Any]) -> sp.csr_matrix:
        """Count in texts that are units already."""
        places, owners = _places(texts, self._numbers)
        found, rows = [], []
        for order in range(self.lowest, self.highest + 1):
            keys, starts = _spelled(places, owners, order, base=len(self.units) + 1)
            # Past the last key there is nothing to compare with.
            at = np.minimum(np.searchsorted(self.keys, keys), max(0, len(self.keys) - 1))
            known = self.keys[at] == keys if len(self.keys) else np.zeros(len(keys), dtype=bool)
            found.append(at[known])
            rows.append(owners[starts[known]])
        return _matrix(np.concatenate(rows), np.concatenate(found), len(texts), len(self.keys))

    def name(self, feature: int) -> str:
        """Spell an n-gram for people."""
        key, numbers = int(self.keys[feature]), []
        while key:
            key, number = divmod(key, len(self.units) + 1)
            numbers.append(self.units[number - 1])
        numbers.reverse()
        return words_join(numbers) if self.unit == "word" else "".join(numbers)


def ngrams_learn(
    texts: list[Any], *, unit: Unit, lowest: int, highest: int, most: int
) -> tuple[Ngrams, sp.csr_matrix]:
    """Find the n-grams of split texts, the ``most`` frequent at most; give them and their counts.

    With many texts an n-gram has to be in two of them; and a longer one can only be if the shorter
    one that it begins with is.
    """
    least = 2 if len(texts) >= _MANY_TEXTS else 1
    counted = Counter(chain.from_iterable(texts))
    room = int(2 ** (_KEY_BITS / highest)) - 2
    units = sorted(unit for unit, count in counted.most_common(room) if count >= least)
    numbers = {one: number for number, one in enumerate(units, start=1)}
    places, owners = _places(texts, numbers)
    kept, columns, rows = [np.zeros(0, dtype=np.int64)], [], []
    begun = places > 0  # (P,)
    for order in range(1, highest + 1):
        keys, starts = _spelled(places, owners, order, base=len(units) + 1, begun=begun)
        known, at = np.unique(keys, return_inverse=True)
        frequent = _document_counts(at, owners[starts], len(known)) >= least
        place_of = np.cumsum(frequent) - 1
        good = frequent[at]
        begun = np.zeros(len(places), dtype=bool)
        begun[starts[good]] = True
        if order >= lowest:
            columns.append(place_of[at[good]] + sum(map(len, kept)))
            rows.append(owners[starts[good]])
            kept.append(known[frequent])
    # Keys of a higher order are larger numbers, so the orders put end to end are sorted.
    all_keys = np.concatenate(kept)
    matrix = _matrix(np.concatenate(rows), np.concatenate(columns), len(texts), len(all_keys))
    if len(all_keys) > most:
        chosen = np.sort(np.argsort(-matrix.getnnz(axis=0), kind="stable")[:most])
        all_keys, matrix = all_keys[chosen], matrix[:, chosen]
    learned = Ngrams(unit=unit, lowest=lowest, highest=highest, units=units, keys=all_keys)
    return learned, matrix


def texts_split(texts: Sequence[str], unit: Unit) -> list[Any]:
    """Split texts into their units."""
    split = _splitter(unit)
    return [split(text) for text in texts]


def _splitter(unit: Unit) -> Callable[[str], Any]:
    if unit == "word":
        return lambda text: words_of(text_plain(text))
    # A space at both ends tells the beginning of a word from its middle.
    return lambda text: f" {text_plain(text)} "


def _places(texts: list[Any], numbers: dict[str, int]) -> tuple[Numbers, Numbers]:
    """Put texts end to end: each unit's number, 0 if unknown, and its text: ``(P,)`` twice."""
    lengths = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
    known = (numbers.get(unit, 0) for unit in chain.from_iterable(texts))
    places = np.fromiter(known, dtype=np.int64, count=int(lengths.sum()))
    return places, np.repeat(np.arange(len(texts)), lengths)


def _spelled(
    places: Numbers, owners: Numbers, order: int, *, base: int, begun: Any = None
) -> tuple[Numbers, Numbers]:
    """Give the keys of all n-grams of known units inside a text, and the places they start at."""
    count = max(0, len(places) - order + 1)
    keys = np.zeros(count, dtype=np.int64)
    whole = owners[:count] == owners[order - 1 :] if count else np.zeros(0, dtype=bool)
    for shift in range(order):
        part = places[shift : shift + count]
        keys = keys * base + part
        whole &= part > 0
    if begun is not None:
        whole &= begun[:count]
    starts = np.flatnonzero(whole)
    return keys[starts], starts


def _document_counts(features: Numbers, owners: Numbers, size: int) -> Numbers:
    """Count the texts that each feature is in, ``(size,)``."""
    # Places run text by text, so a pair's repeats are found by sorting within the feature.
    order = np.argsort(features, kind="stable")
    one, text = features[order], owners[order]
    is_first = np.ones(len(one), dtype=bool)
    is_first[1:] = (one[1:] != one[:-1]) | (text[1:] != text[:-1])
    return np.bincount(one[is_first], minlength=size)


def _matrix(rows: Numbers, columns: Numbers, height: int, width: int) -> sp.csr_matrix:
    ones = np.ones(len(rows), dtype=np.float32)
    matrix = sp.csr_matrix((ones, (rows, columns)), shape=(height, width))
    matrix.sum_duplicates()
    return matrix
