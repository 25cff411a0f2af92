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
from modelmill.datasets.intake.findings import Findings, Reason, shown
from modelmill.datasets.intake.limits import Limits
from modelmill.datasets.intake.refusals import Refusal, Refused
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
        raise Refused(Refusal.WRONG_ENCODING, file=shown(sheet.name), line=error.line) from None


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
        raise Refused(Refusal.JSON_TOO_LARGE)
    array = _loads("".join(text_pieces(sheet.path)))
    if not isinstance(array, list):
        raise Refused(Refusal.BROKEN_JSON, file=shown(sheet.name))
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
        raise Refused(Refusal.BROKEN_CSV, file=shown(sheet.name), line=reader.line_num) from None


def _parquet(sheet: Sheet, limits: Limits) -> Iterator[tuple[int, Record]]:
    try:
        with pq.ParquetFile(sheet.path, memory_map=False, pre_buffer=False) as file:
            for group in range(file.metadata.num_row_groups):
                if file.metadata.row_group(group).total_byte_size > limits.parquet_group_bytes:
                    raise Refused(Refusal.PARQUET_GROUP)
            number = 0
            for batch in file.iter_batches(batch_size=_BATCH_ROWS, use_threads=False):
                for record in batch.to_pylist():
                    number += 1
                    yield number, record
    except (pa.ArrowException, OSError, ValueError, UnicodeDecodeError):
        raise Refused(Refusal.BROKEN_PARQUET, file=shown(sheet.name)) from None


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
        raise Refused(Refusal.HEADER_SIZE, most=limits.columns)
    if len(set(header)) != len(header) or not all(header):
        raise Refused(Refusal.HEADER_NAMES)
    return header


def _again(first: str, lines: Iterator[str]) -> Iterator[str]:
    yield first
    yield from lines
