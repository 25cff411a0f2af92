"""Every user's items in order, gathered from all splits.

Axes: N interactions, U users, I items.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from modelmill_sdk.data import TrainData

Ints = npt.NDArray[np.int64]

SPLITS = ("train", "validation", "test")
# From this share on, meeting something again is what people do, not an accident.
REPEATS_SHARE = 0.1


@dataclass(frozen=True)
class Histories:
    """Items of all users, end to end; user ``u`` has ``items[offsets[u]:offsets[u + 1]]``."""

    offsets: Ints
    items: Ints

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def of(self, user: int) -> Ints:
        """Give one user's items, oldest first."""
        return self.items[self.offsets[user] : self.offsets[user + 1]]

    @property
    def lengths(self) -> Ints:
        """Items of each user, ``(U,)``."""
        return np.diff(self.offsets)


@dataclass(frozen=True)
class Interactions:
    """Who met what in which order, as numbers, with the names they stand for."""

    users: list[str]
    items: list[str]
    histories: Histories
    is_timed: bool

    @property
    def has_repeats(self) -> bool:
        """Whether people come back to what they met."""
        owners = np.repeat(np.arange(len(self.users)), self.histories.lengths)
        pairs = len(np.unique(owners * len(self.items) + self.histories.items))
        return pairs < (1 - REPEATS_SHARE) * len(self.histories.items)


def interactions_read(data: TrainData, *, min_rating: float | None = None) -> Interactions:
    """Read all splits as one: the platform chose them row by row, which cuts histories to pieces.

    Rows rated below ``min_rating`` are left out. Users are ordered as they first appear. Without
    timestamps the order is that of the rows, as far as the splits tell: within one it is the
    file's, and between them a row's place is taken from its share of its split.
    """
    table, places = _rows(data)
    if min_rating is not None and "rating" in table.column_names:
        kept = pc.fill_null(pc.greater_equal(table["rating"], min_rating), False)
        table, places = table.filter(kept), places[kept.to_numpy(zero_copy_only=False)]
    users, user_names = _numbered(table["user"])
    items, item_names = _numbered(table["item"])
    is_timed = "timestamp" in table.column_names and table["timestamp"].null_count < len(table)
    times = _times(table["timestamp"]) if is_timed else np.zeros(len(users), dtype=np.int64)
    order = np.lexsort((places, times, users))
    offsets = np.concatenate(([0], np.cumsum(np.bincount(users, minlength=len(user_names)))))
    histories = Histories(offsets.astype(np.int64), items[order])
    return Interactions(user_names, item_names, histories, is_timed)


def _rows(data: TrainData) -> tuple[pa.Table, npt.NDArray[np.float64]]:
    """Give the rows of all splits, and each row's place in its split as a share."""
    tables, places = [], []
    for split in SPLITS:
        if split in data:
            table = pa.concat_tables([pq.read_table(path) for path in data.files(split)])
            tables.append(table)
            places.append((np.arange(len(table)) + 0.5) / len(table))
    return pa.concat_tables(tables, promote_options="permissive"), np.concatenate(places)


def _numbered(column: pa.ChunkedArray) -> tuple[Ints, list[str]]:
    coded = column.cast(pa.string()).combine_chunks().dictionary_encode()
    if isinstance(coded, pa.ChunkedArray):
        coded = coded.combine_chunks()
    numbers: Ints = coded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    return numbers, coded.dictionary.to_pylist()


def _times(column: pa.ChunkedArray) -> Ints:
    times: Ints = pc.fill_null(column.cast(pa.int64()), 0).to_numpy().astype(np.int64)
    return times
