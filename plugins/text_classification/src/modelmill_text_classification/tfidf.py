"""TF-IDF over several kinds of n-grams.

Sublinear term frequency, smoothed inverse document frequency, rows of length 1 for each kind: what
scikit-learn's ``TfidfVectorizer(sublinear_tf=True)`` computes, from tensors and JSON instead of a
pickle.

Axes: N texts, F n-grams of all kinds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp

from modelmill_text_classification.ngrams import Ngrams, Unit, ngrams_learn, texts_split
from modelmill_text_classification.numbers import Reals

# (unit, fewest, most) of what is read.
Kind = tuple[Unit, int, int]


@dataclass(kw_only=True)
class Tfidf:
    """Kinds of n-grams with the weight of each n-gram, ``(F,)`` in all."""

    kinds: list[Ngrams]
    idf: Reals

    def transform(self, texts: Sequence[str]) -> sp.csr_matrix:
        """Give the rows of texts, ``(N, F)``."""
        split: dict[Unit, list[Any]] = {}
        blocks, first = [], 0
        for kind in self.kinds:
            if kind.unit not in split:
                split[kind.unit] = texts_split(texts, kind.unit)
            counts = kind.count_split(split[kind.unit])
            blocks.append(_weighted(counts, self.idf[first : first + len(kind)]))
            first += len(kind)
        return sp.hstack(blocks, format="csr")

    def name(self, feature: int) -> str:
        """Spell a feature for people."""
        for kind in self.kinds:
            if feature < len(kind):
                return kind.name(feature)
            feature -= len(kind)
        raise IndexError(feature)


def tfidf_learn(
    texts: Sequence[str], kinds: Sequence[Kind], *, most: int
) -> tuple[Tfidf, sp.csr_matrix]:
    """Learn n-grams and weights from texts; give them, and the texts' own rows ``(N, F)``."""
    split: dict[Unit, list[Any]] = {}
    learned, blocks, weights = [], [], []
    for unit, lowest, highest in kinds:
        if unit not in split:
            split[unit] = texts_split(texts, unit)
        ngrams, counts = ngrams_learn(
            split[unit], unit=unit, lowest=lowest, highest=highest, most=most // len(kinds)
        )
        seen = np.asarray(counts.getnnz(axis=0), dtype=np.float64)
        idf = np.log((1 + len(texts)) / (1 + seen)) + 1
        learned.append(ngrams)
        weights.append(idf)
        blocks.append(_weighted(counts, idf))
    return Tfidf(kinds=learned, idf=np.concatenate(weights)), sp.hstack(blocks, format="csr")


def _weighted(counts: sp.csr_matrix, idf: Reals) -> sp.csr_matrix:
    rows = sp.csr_matrix(counts, dtype=np.float64, copy=True)
    rows.data = (1 + np.log(rows.data)) * idf[rows.indices]
    lengths = np.sqrt(np.asarray(rows.multiply(rows).sum(axis=1)).ravel())
    inverse = 1 / np.where(lengths > 0, lengths, 1)
    rows.data *= np.repeat(inverse, np.diff(rows.indptr))
    return rows
