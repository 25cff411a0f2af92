"""What every form of source is turned into: rows, and a crop that yields them."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Row:
    """One clean row. Rows with one ``key`` have one content, and go to one split."""

    values: Mapping[str, Any]
    key: bytes
    digest: bytes
    size_bytes: int
    file: str
    number: int | None = None
    # What reading it told, for the summary.
    facts: Any = None


class Summary(Protocol):
    """Statistics and a preview, gathered row by row."""

    def add(self, row: Row) -> None:
        """Take one row into account."""

    def statistics(self) -> dict[str, Any]:
        """Return what was counted."""

    def preview(self) -> list[dict[str, Any]]:
        """Return a few rows to show."""


@dataclass(kw_only=True)
class Crop:
    """What a source turned out to hold. ``rows`` is called once and reads as a stream."""

    kind: str
    schema: pa.Schema
    rows: Iterator[Row]
    summary: Summary
    label_names: list[str] | None = None
    # Equal pictures and texts are one; equal events or table rows are two facts.
    drops_duplicates: bool = True
    compression: str = "zstd"
    # Columns that were kept beside those that make the kind.
    further_columns: Sequence[str] = ()


def digest_of(value: Any) -> bytes:
    """Return the SHA-256 of a value's canonical JSON."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).digest()
