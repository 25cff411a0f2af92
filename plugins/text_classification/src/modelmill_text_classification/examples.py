"""Labelled texts, and those that are kept from learning.

Axes: N examples, K classes.
"""

from dataclasses import dataclass

import numpy as np
from modelmill_sdk.data import TrainData

from modelmill_text_classification.numbers import Numbers, Reals

_HELD_SHARE = 0.1
NO_GROUP = "(none)"


@dataclass(frozen=True, kw_only=True)
class Examples:
    """Texts with the numbers of their labels, ``(N,)``."""

    texts: list[str]
    labels: Numbers

    def __len__(self) -> int:
        return len(self.texts)

    def counts(self, classes: int) -> Numbers:
        """Count the examples of each class, ``(K,)``."""
        return np.bincount(self.labels, minlength=classes)

    def some(self, rows: Numbers) -> "Examples":
        """Give the examples in these rows."""
        return Examples(texts=[self.texts[row] for row in rows], labels=self.labels[rows])


def examples_read(data: TrainData, split: str) -> Examples:
    """Read a split; one that is not there has no rows."""
    if split not in data:
        return Examples(texts=[], labels=np.zeros(0, dtype=np.int64))
    table = data[split].data
    texts = [text or "" for text in table.column("text").to_pylist()]
    return Examples(texts=texts, labels=labels_read(data, split))


def labels_read(data: TrainData, split: str) -> Numbers:
    """Read the labels of a split alone, ``(N,)``."""
    if split not in data:
        return np.zeros(0, dtype=np.int64)
    column = data[split].data.column("label").to_numpy()
    labels: Numbers = column.astype(np.int64)
    return labels


def column_read(data: TrainData, split: str, name: str) -> list[str] | None:
    """Read a column as texts, ``(none)`` for a gap; None where there is none of that name."""
    if not name or split not in data or name not in data[split].column_names:
        return None
    values = data[split].data.column(name).to_pylist()
    return [NO_GROUP if value is None else str(value) for value in values]


def examples_carve(examples: Examples, *, seed: int) -> tuple[Examples, Examples]:
    """Hold out a tenth of each class, by seed; a class of one example is learned from."""
    random = np.random.default_rng((seed, 7))
    held = np.zeros(len(examples), dtype=bool)
    for label in np.unique(examples.labels):
        rows = random.permutation(np.flatnonzero(examples.labels == label))
        held[rows[: max(1, round(len(rows) * _HELD_SHARE)) if len(rows) > 1 else 0]] = True
    return examples.some(np.flatnonzero(~held)), examples.some(np.flatnonzero(held))


def class_weights(counts: Numbers) -> Reals:
    """Give weights ``(K,)`` that make all classes weigh the same; 1 on average over examples."""
    present = np.maximum(counts, 1)
    weights: Reals = counts.sum() / ((counts > 0).sum() * present)
    return weights
