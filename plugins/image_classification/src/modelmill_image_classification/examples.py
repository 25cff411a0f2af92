"""What is learned from: decoded pictures with their labels, in memory-mapped arrays.

Axes: N examples, H height, W width, C channels, K classes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as parquet
from modelmill_sdk.data import TrainData
from modelmill_sdk.learning.pictures import Bytes, Channels, picture_files, pictures_decode

from modelmill_image_classification.numbers import Numbers

# The share of each class that is kept from training where the dataset has no validation split.
_CARVED = 0.1
NO_GROUP = "(none)"
BY_PREFIX = "prefix"


@dataclass(frozen=True, kw_only=True)
class Examples:
    """Some rows of one split; ``rows`` says which, in the order in which they are counted."""

    pixels: Bytes
    labels: Numbers
    rows: Numbers

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def row_labels(self) -> Numbers:
        """The label of each of the rows, ``(N,)``."""
        return self.labels[self.rows]

    def counts(self, classes: int) -> Numbers:
        """How many examples each class has, ``(K,)``."""
        return np.bincount(self.row_labels, minlength=classes)

    def batches(self, size: int) -> Iterator[tuple[Bytes, Numbers]]:
        """Yield pixels ``(B, H, W, C)`` and labels ``(B,)`` of all rows, in order."""
        for first in range(0, len(self.rows), size):
            rows = self.rows[first : first + size]
            yield self.pixels[rows], self.labels[rows]


def examples_read(
    data: TrainData, split: str, *, size: int, folder: Path, channels: Channels, threads: int
) -> Examples:
    """Decode a split."""
    pixels = pictures_decode(
        data, split, size=size, folder=folder, channels=channels, threads=threads
    )
    labels = labels_read(data, split)
    return Examples(pixels=pixels, labels=labels, rows=np.arange(len(labels)))


def examples_carve(examples: Examples, *, seed: int) -> tuple[Examples, Examples]:
    """Keep a tenth of each class from training: what is left, and what was kept.

    The seed alone decides which. A class with fewer than three examples keeps none.
    """
    random = np.random.default_rng((seed, 77))
    kept: list[npt.NDArray[np.int64]] = []
    for label in np.unique(examples.labels):
        rows = np.flatnonzero(examples.labels == label)
        count = max(1, round(_CARVED * len(rows))) if len(rows) > 2 else 0
        kept.append(random.permutation(rows)[:count])
    held = np.sort(np.concatenate(kept))
    rest = np.setdiff1d(examples.rows, held)
    return (
        Examples(pixels=examples.pixels, labels=examples.labels, rows=rest),
        Examples(pixels=examples.pixels, labels=examples.labels, rows=held),
    )


def labels_read(data: TrainData, split: str) -> Numbers:
    """Read the label numbers of a split, ``(N,)``."""
    values = [value for value in column_read(data, split, "label") if isinstance(value, int)]
    return np.array(values, dtype=np.int64)


def groups_read(data: TrainData, split: str, groups: str) -> list[str] | None:
    """Name the group of each row of a split; None where no groups were asked for or there.

    Pictures in folders carry no columns, but their names do: ``prefix`` is what stands before the
    first underscore of a file's name.
    """
    if not groups:
        return None
    if groups in columns_of(data, split):
        values = column_read(data, split, groups)
        return [NO_GROUP if value is None else str(value) for value in values]
    if groups != BY_PREFIX:
        return None
    names = [Path(name).name for _, name in picture_files(data, split)]
    return [name.partition("_")[0] if "_" in name else NO_GROUP for name in names]


def columns_of(data: TrainData, split: str) -> list[str]:
    """Name the columns of a split."""
    files = data.files(split)
    return list(parquet.read_schema(files[0]).names) if files else []


def column_read(data: TrainData, split: str, column: str) -> list[object]:
    """Read one column of a split, a None for each missing value."""
    values: list[object] = []
    for shard in data.files(split):
        with parquet.ParquetFile(shard) as rows:
            values += rows.read(columns=[column], use_threads=False)[column].to_pylist()
    return values
