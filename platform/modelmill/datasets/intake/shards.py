"""Parquet shards, written as a stream with a few megabytes in memory."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from modelmill.datasets.intake.rows import Crop, Row

_GROUP_ROWS = 1_000
_GROUP_BYTES = 8 << 20


@dataclass(frozen=True)
class Shard:
    """One finished Parquet file of a split."""

    split: str
    number: int
    path: Path
    row_count: int

    def as_json(self) -> dict[str, Any]:
        """Return what the parent needs to store it."""
        return {
            "split": self.split,
            "number": self.number,
            "file": self.path.name,
            "row_count": self.row_count,
            "size_bytes": self.path.stat().st_size,
        }


class ShardWriter:
    """Writes the rows of one split, a new file whenever one is full."""

    def __init__(self, folder: Path, split: str, crop: Crop, *, shard_bytes: int) -> None:
        self._folder = folder
        self._split = split
        self._crop = crop
        self._shard_bytes = shard_bytes
        self._waiting: list[Any] = []
        self._waiting_bytes = self._written_bytes = self._written_rows = 0
        self._file: pq.ParquetWriter | None = None
        self._shards: list[Shard] = []

    def add(self, row: Row) -> None:
        """Write one row."""
        self._waiting.append(row.values)
        self._waiting_bytes += row.size_bytes
        if len(self._waiting) >= _GROUP_ROWS or self._waiting_bytes >= _GROUP_BYTES:
            self._flush()

    def close(self) -> list[Shard]:
        """Finish the last file; return all of them."""
        self._flush()
        self._finish()
        return self._shards

    def _flush(self) -> None:
        if not self._waiting:
            return
        if self._file is None:
            self._file = pq.ParquetWriter(
                self._path(),
                self._crop.schema,
                compression=self._crop.compression,
                use_dictionary=self._crop.compression != "none",
            )
        self._file.write_batch(pa.RecordBatch.from_pylist(self._waiting, schema=self._crop.schema))
        self._written_rows += len(self._waiting)
        self._written_bytes += self._waiting_bytes
        self._waiting, self._waiting_bytes = [], 0
        if self._written_bytes >= self._shard_bytes:
            self._finish()

    def _finish(self) -> None:
        if self._file is None:
            return
        self._file.close()
        self._shards.append(Shard(self._split, len(self._shards), self._path(), self._written_rows))
        self._file = None
        self._written_bytes = self._written_rows = 0

    def _path(self) -> Path:
        return self._folder / f"{self._split}-{len(self._shards):05d}.parquet"


def shards_values(shards: list[Shard]) -> Iterator[dict[str, Any]]:
    """Yield the rows of finished shards again, a few at a time."""
    for shard in shards:
        with pq.ParquetFile(shard.path) as file:
            for group in range(file.num_row_groups):
                yield from file.read_row_group(group, use_threads=False).to_pylist()
