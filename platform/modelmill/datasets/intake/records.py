"""JSONL, JSON, CSV and Parquet, read as one stream of records with their row numbers."""

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from modelmill.datasets.intake.encoding import NotText, text_lines, text_pieces
from modelmill.datasets.intake.findings import Findings, Reason, Refused, shown
from modelmill.datasets.intake.limits import Limits
from modelmill.datasets.intake.sniffing import Form

_BATCH_ROWS = 512
_DELIMITERS = ",;\t|"

Record = dict[str, Any]


@dataclass(frozen=True)
class Sheet:
    """A file of ours that holds a stranger's records."""

    name: str
    path: Path
    form: Form


def records(
    sheet: Sheet, *, limits: Limits, findings: Findings | None
) -> Iterator[tuple[int, Record]]:
    """Yield (row number, record); notes rows that cannot be read in ``findings``, if given.

    Row numbers are those an editor shows: the line in JSONL and CSV, the
    element from 1 in a JSON array and in Parquet. Raises ``Refused`` when the
    file as a whole cannot be read.
    """
    try:
        if sheet.form is Form.PARQUET:
            yield from _parquet(sheet, limits)
        elif sheet.form is Form.CSV:
            yield from _csv(sheet, limits, findings)
        elif _is_array(sheet):
            yield from _json_array(sheet, limits, findings)
        else:
            yield from _jsonl(sheet, limits, findings)
    except NotText as error:
        what = "UTF-8 text" if error.reason is Reason.ENCODING else "readable text"
        raise Refused(
            "wrong_encoding",
            f"{shown(sheet.name)}, line {error.line}: this is not {what}. Save the file as UTF-8.",
        ) from None


def _jsonl(sheet: Sheet, limits: Limits, findings: Findings | None) -> Iterator[tuple[int, Record]]:
    for number, line in text_lines(sheet.path, limit_chars=limits.line_chars):
        if not line.strip():
            continue
        record = _json(line)
        if isinstance(record, Reason):
            if findings is not None:
                findings.add(record, file=sheet.name, row=number)
        else:
            yield number, record


def _json_array(
    sheet: Sheet, limits: Limits, findings: Findings | None
) -> Iterator[tuple[int, Record]]:
    if sheet.path.stat().st_size > limits.json_array_bytes:
        raise Refused(
            "json_too_large",
            "A JSON array of this size cannot be read. Write one JSON object a line (JSONL).",
        )
    array = _loads("".join(text_pieces(sheet.path)))
    if not isinstance(array, list):
        raise Refused("broken_json", f"{shown(sheet.name)} is not valid JSON.")
    for number, element in enumerate(array, start=1):
        if isinstance(element, dict):
            yield number, element
        elif findings is not None:
            findings.add(Reason.JSON_OBJECT, file=sheet.name, row=number)


def _csv(sheet: Sheet, limits: Limits, findings: Findings | None) -> Iterator[tuple[int, Record]]:
    csv.field_size_limit(limits.line_chars)
    lines = (line + "\n" for _number, line in text_lines(sheet.path, limit_chars=limits.line_chars))
    first = next(lines, "")
    delimiter = max(_DELIMITERS, key=first.count)
    reader = csv.reader(_again(first, lines), delimiter=delimiter, strict=True)
    try:
        header = _header(next(reader, []), limits)
        for values in reader:
            if not any(value.strip() for value in values):
                continue
            if len(values) == len(header):
                yield reader.line_num, dict(zip(header, values, strict=True))
            elif findings is not None:
                findings.add(Reason.COLUMNS, file=sheet.name, row=reader.line_num)
    except csv.Error:
        raise Refused(
            "broken_csv",
            f"{shown(sheet.name)}, line {reader.line_num}: this is not valid CSV. "
            "Is there a quote that is never closed?",
        ) from None


def _parquet(sheet: Sheet, limits: Limits) -> Iterator[tuple[int, Record]]:
    try:
        with pq.ParquetFile(sheet.path, memory_map=False, pre_buffer=False) as file:
            for group in range(file.metadata.num_row_groups):
                if file.metadata.row_group(group).total_byte_size > limits.parquet_group_bytes:
                    raise Refused(
                        "parquet_group_too_large",
                        "The Parquet file has row groups over 512 MB. Write it with smaller ones.",
                    )
            number = 0
            for batch in file.iter_batches(batch_size=_BATCH_ROWS, use_threads=False):
                for record in batch.to_pylist():
                    number += 1
                    yield number, record
    except (pa.ArrowException, OSError, ValueError, UnicodeDecodeError):
        raise Refused(
            "broken_parquet", f"{shown(sheet.name)} is a broken or cut off Parquet file."
        ) from None


def _json(line: str) -> Record | Reason:
    value = _loads(line)
    if isinstance(value, Reason):
        return value
    return value if isinstance(value, dict) else Reason.JSON_OBJECT


def _loads(text: str) -> Any:
    try:
        # NaN and Infinity are no JSON, whatever Python says.
        return json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return Reason.JSON_BROKEN


def _refuse_constant(name: str) -> Any:
    raise ValueError(name)


def _is_array(sheet: Sheet) -> bool:
    for piece in text_pieces(sheet.path):
        if start := piece.lstrip():
            return start.startswith("[")
    return False


def _header(names: list[str], limits: Limits) -> list[str]:
    header = [name.strip() for name in names]
    if not header or len(header) > limits.columns:
        raise Refused("bad_header", f"A CSV file needs a header of 1 to {limits.columns} names.")
    if len(set(header)) != len(header) or not all(header):
        raise Refused("bad_header", "Each column of a CSV file needs a name of its own.")
    return header


def _again(first: str, lines: Iterator[str]) -> Iterator[str]:
    yield first
    yield from lines
