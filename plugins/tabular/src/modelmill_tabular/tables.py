"""Columns as they come: numbers as floats, texts as places in a list of words.

Axes: N rows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from modelmill_sdk.data import TrainData

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Texts:
    """A column of texts: row ``n`` holds ``words[places[n]]``, or nothing where it is -1."""

    places: Ints
    words: list[str]

    def __len__(self) -> int:
        return len(self.places)

    def listed(self) -> list[str | None]:
        """Give the texts themselves."""
        return [None if place < 0 else self.words[place] for place in self.places]


Values = Floats | Texts


@dataclass(frozen=True)
class Table:
    """Rows by column; ``whole`` names the columns whose numbers are whole ones or yes and no."""

    columns: dict[str, Values]
    whole: frozenset[str]
    truths: frozenset[str]
    row_count: int

    def take(self, rows: Ints | Bools) -> "Table":
        """Give some of the rows."""
        taken = {name: values_take(values, rows) for name, values in self.columns.items()}
        count = int(rows.sum()) if rows.dtype == np.bool_ else len(rows)
        return Table(taken, self.whole, self.truths, count)


def values_take(values: Values, rows: Ints | Bools) -> Values:
    """Give some rows of one column."""
    if isinstance(values, Texts):
        return Texts(values.places[rows], values.words)
    return values[rows]


def is_missing(values: Values) -> Bools:
    """Say which rows hold nothing, ``(N,)``."""
    return values.places < 0 if isinstance(values, Texts) else np.isnan(values)


def table_read(data: TrainData, split: str) -> Table:
    """Read a split; one that is not there has no rows."""
    return _table([pq.read_table(path) for path in _files(data, split)])


def table_of(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, bool]) -> Table:
    """Make a table of a few rows; ``columns`` says of each name whether it holds numbers."""
    made: dict[str, Values] = {}
    for name, is_number in columns.items():
        values = [row.get(name) for row in rows]
        if is_number:
            made[name] = np.array([np.nan if v is None else v for v in values], dtype=np.float64)
        else:
            words = [str(value) for value in values if value is not None]
            filled = np.array([value is not None for value in values], dtype=np.int64)
            made[name] = Texts(np.where(filled > 0, np.cumsum(filled) - 1, -1), words)
    return Table(made, frozenset(), frozenset(), len(rows))


def _files(data: TrainData, split: str) -> list[Path]:
    return data.files(split) if split in data else []


def _table(parts: list[pa.Table]) -> Table:
    if not parts:
        return Table({}, frozenset(), frozenset(), 0)
    whole = pa.concat_tables(parts)
    types = {field.name: field.type for field in whole.schema}
    return Table(
        columns={name: _values(whole[name]) for name in types},
        whole=frozenset(n for n, kind in types.items() if pa.types.is_integer(kind)),
        truths=frozenset(n for n, kind in types.items() if pa.types.is_boolean(kind)),
        row_count=len(whole),
    )


def _values(column: pa.ChunkedArray) -> Values:
    kind = column.type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind):
        floats: Floats = column.cast(pa.float64()).to_numpy().astype(np.float64)
        return floats
    coded = column.cast(pa.string()).combine_chunks().dictionary_encode()
    if isinstance(coded, pa.ChunkedArray):
        coded = coded.combine_chunks()
    places = coded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    return Texts(places, coded.dictionary.to_pylist())
