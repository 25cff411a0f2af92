"""JSONL, JSON, CSV and Parquet records, shaped into the rows of the kind their columns make."""

import csv
import json
import math
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from modelmill_sdk.errors import PluginError
from modelmill_sdk.manifest import (
    CONVERSATIONS,
    IMAGES,
    INTERACTIONS,
    LABELLED_IMAGES,
    LABELLED_TEXT,
    TABLE,
    TEXT,
)

Record = dict[str, Any]
Shaped = tuple[str, list[Record], list[str] | None]

_INT = re.compile(r"[+-]?\d{1,18}", re.ASCII)
_FLOAT = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_TRUTH = {"true": True, "false": False}
# As the platform keeps them: so many columns beside the kind's own, of values so long.
_FURTHER_COLUMNS = 16
_FURTHER_CHARS = 200


def records_read(file: Path) -> list[Record]:
    """Read the records of one file. Raises PluginError, naming the line, where it cannot."""
    if file.suffix.lower() == ".parquet":
        import pyarrow.parquet as pq

        rows: list[Record] = pq.read_table(file).to_pylist()
        return rows
    text = file.read_text(encoding="utf-8-sig")
    if file.suffix.lower() in (".csv", ".tsv"):
        return _csv(text)
    if text.lstrip().startswith("["):
        return [one for one in json.loads(text) if isinstance(one, dict)]
    return [_json(line, file, number) for number, line in enumerate(text.splitlines(), 1) if line]


def records_shape(records: Sequence[Record]) -> Shaped:
    """Give the kind, the rows and the label names that the first record's columns make."""
    if not records:
        raise PluginError("There are no records to train on.")
    first = records[0]
    if isinstance(first.get("messages"), list):
        return CONVERSATIONS, [{"messages": one["messages"]} for one in records], None
    if isinstance(first.get("image"), dict | bytes):
        return _pictures(records)
    if "text" in first and "label" in first:
        return _labelled(records)
    if "text" in first:
        return TEXT, [{"text": str(one["text"])} for one in records], None
    if _named(first, "user") is not None and _named(first, "item") is not None:
        return INTERACTIONS, _interactions(records), None
    return TABLE, _table(records), None


def _json(line: str, file: Path, number: int) -> Record:
    try:
        value = json.loads(line)
    except ValueError as error:
        raise PluginError(f"{file.name}, line {number}, is no JSON: {error}") from error
    if not isinstance(value, dict):
        raise PluginError(f"{file.name}, line {number}, is no JSON object.")
    return value


def _csv(text: str) -> list[Record]:
    first = text.partition("\n")[0]
    delimiter = max(",;\t|", key=first.count)
    return list(csv.DictReader(text.splitlines(keepends=True), delimiter=delimiter))


def _pictures(records: Sequence[Record]) -> Shaped:
    rows: list[Record] = []
    for one in records:
        image = one["image"]
        rows.append({"image": image if isinstance(image, dict) else {"bytes": image, "path": None}})
    if "label" not in records[0]:
        return IMAGES, rows, None
    names = _label_names(records)
    for row, one, further in zip(rows, records, _further(records, "image"), strict=True):
        row |= {"label": names.index(_label(one)), **further}
    return LABELLED_IMAGES, rows, names


def _labelled(records: Sequence[Record]) -> Shaped:
    names = _label_names(records)
    places = {name: number for number, name in enumerate(names)}
    rows = [
        {"text": str(one["text"]), "label": places[_label(one)], **further}
        for one, further in zip(records, _further(records, "text"), strict=True)
    ]
    return LABELLED_TEXT, rows, names


def _further(records: Sequence[Record], own: str) -> list[dict[str, str | None]]:
    """Give the values of the further columns of short texts, for groups to be compared by."""
    columns = {}
    for name in dict.fromkeys(name for one in records for name in one if name):
        values = [one.get(name) for one in records]
        texts = [_short(value) for value in values]
        is_short = not any(isinstance(value, dict | list | bytes) for value in values)
        is_short = is_short and max(len(text or "") for text in texts) <= _FURTHER_CHARS
        if name not in (own, "label") and is_short and any(texts):
            columns[name] = texts
    kept = list(columns)[:_FURTHER_COLUMNS]
    return [{name: columns[name][at] for name in kept} for at in range(len(records))]


def _short(value: Any) -> str | None:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return " ".join(text.split()) or None


def _label(record: Record) -> str:
    value = record.get("label")
    return str(value).lower() if isinstance(value, bool) else str(value).strip()


def _label_names(records: Sequence[Record]) -> list[str]:
    names = {_label(one) for one in records}
    if all(name.isascii() and name.isdigit() for name in names):
        return sorted(names, key=lambda name: (int(name), name))
    return sorted(names)


def _named(record: Record, name: str) -> Any:
    names = ("timestamp", "time") if name == "timestamp" else (name, f"{name}_id")
    return next((record[key] for key in names if record.get(key) not in (None, "")), None)


def _interactions(records: Sequence[Record]) -> list[Record]:
    rows: list[Record] = [
        {"user": str(_named(one, "user")), "item": str(_named(one, "item"))} for one in records
    ]
    for name, read in (("rating", float), ("timestamp", _seconds)):
        if any(_named(one, name) is not None for one in records):
            for row, one in zip(rows, records, strict=True):
                value = _named(one, name)
                row[name] = None if value is None else read(value)
    return rows


def _seconds(value: Any) -> int:
    try:
        return int(float(value))
    except ValueError:
        moment = datetime.fromisoformat(str(value))
        return int(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp())


def _table(records: Sequence[Record]) -> list[Record]:
    names = list(dict.fromkeys(name for one in records for name in one))
    kinds = {name: _kind([one.get(name) for one in records]) for name in names}
    return [{name: _cell(one.get(name), kinds[name]) for name in names} for one in records]


def _kind(values: Sequence[Any]) -> type:
    kinds = {_kind_of(value) for value in values if value not in (None, "")}
    if kinds == {int, float}:
        return float
    return kinds.pop() if len(kinds) == 1 else str


def _kind_of(value: Any) -> type:
    if not isinstance(value, str):
        return type(value) if isinstance(value, bool | int | float) else str
    text = value.strip()
    if text.lower() in _TRUTH:
        return bool
    if _INT.fullmatch(text):
        # A postal code is no number: its zeros would be lost.
        return str if len(text.lstrip("+-")) > 1 and text.lstrip("+-")[0] == "0" else int
    return float if _FLOAT.fullmatch(text) else str


def _cell(value: Any, kind: type) -> Any:
    if value in (None, ""):
        return None
    if kind is bool and isinstance(value, str):
        return _TRUTH[value.strip().lower()]
    if kind is str:
        return value if isinstance(value, str) else json.dumps(value, default=str)
    return kind(value)
