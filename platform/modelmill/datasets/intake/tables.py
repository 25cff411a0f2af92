"""Records become rows of a kind: surveyed once to learn what they are, then read."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pyarrow as pa

from modelmill.datasets.intake.columns import ColumnTypes
from modelmill.datasets.intake.findings import Findings, Reason
from modelmill.datasets.intake.further import further_values
from modelmill.datasets.intake.images import Picture, image_crop
from modelmill.datasets.intake.limits import Limits
from modelmill.datasets.intake.records import Record, Sheet, records
from modelmill.datasets.intake.rows import Crop, Row, Summary, digest_of
from modelmill.datasets.intake.shapes import (
    Bad,
    conversation_shape,
    interaction_shape,
    labelled_text_shape,
    table_shape,
    text_shape,
)
from modelmill.datasets.intake.sums_texts import (
    ConversationSummary,
    InteractionSummary,
    TableSummary,
    TextSummary,
)
from modelmill.datasets.intake.survey import Survey, survey_of

Shape = Callable[[Record], "dict[str, Any] | Bad"]

_MESSAGES = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
_ARROW = {"bool": pa.bool_(), "int": pa.int64(), "float": pa.float64(), "text": pa.string()}


def table_crop(sheets: Sequence[Sheet], *, limits: Limits, findings: Findings) -> Crop:
    """Return the crop of record files; all of them must be of the first record's kind."""
    survey = survey_of(sheets, limits=limits)
    if survey.kind == "images":
        crop = image_crop(
            _pictures(sheets, survey, limits=limits, findings=findings),
            label_names=survey.label_names,
            further_columns=survey.further_names,
            limits=limits,
            findings=findings,
        )
    else:
        schema, shape, summary = _plan(survey)
        crop = Crop(
            kind=survey.kind,
            schema=schema,
            rows=_rows(sheets, shape, limits=limits, findings=findings),
            summary=summary,
            label_names=survey.label_names,
            drops_duplicates=survey.kind not in ("interactions", "table"),
            further_columns=survey.further_names,
        )
    if survey.labels:
        crop.rows = _and_columns(crop.rows, survey, file=sheets[0].name, findings=findings)
    return crop


def _plan(survey: Survey) -> tuple[pa.Schema, Shape, Summary]:
    if survey.kind == "conversations":
        return pa.schema([("messages", _MESSAGES)]), conversation_shape, ConversationSummary()
    if survey.kind == "text":
        return pa.schema([("text", pa.string())]), text_shape, TextSummary()
    if survey.kind == "labelled_text":
        names = survey.label_names or []
        further = survey.further_names
        fields = [("text", pa.string()), ("label", pa.int64())]
        fields += [(name, pa.string()) for name in further]
        return pa.schema(fields), labelled_text_shape(names, further), TextSummary()
    if survey.kind == "interactions":
        fields = [("user", pa.string()), ("item", pa.string())]
        fields += [("rating", pa.float64())] if survey.has_rating else []
        fields += [("timestamp", pa.int64())] if survey.has_timestamp else []
        shape = interaction_shape(rating=survey.has_rating, timestamp=survey.has_timestamp)
        return pa.schema(fields), shape, InteractionSummary()
    return _table_plan(survey.columns)


def _table_plan(columns: ColumnTypes) -> tuple[pa.Schema, Shape, Summary]:
    types = columns.types()
    schema = pa.schema([(name, _ARROW[kind]) for name, kind in types.items()])
    return schema, table_shape(types), TableSummary(types)


def _and_columns(
    rows: Iterator[Row], survey: Survey, *, file: str, findings: Findings
) -> Iterator[Row]:
    """Yield the rows, then note the columns left out: what loses rows comes first in the list."""
    yield from rows
    survey.further.note(findings, file=file)


def _rows(
    sheets: Sequence[Sheet], shape: Shape, *, limits: Limits, findings: Findings
) -> Iterator[Row]:
    for sheet in sheets:
        for number, record in records(sheet, limits=limits, findings=findings):
            values = shape(record)
            if isinstance(values, Bad):
                findings.add(values.reason, file=sheet.name, row=number, field=values.field)
                continue
            try:
                digest = digest_of(values)
            except UnicodeEncodeError:
                findings.add(Reason.SURROGATE, file=sheet.name, row=number)
                continue
            # Texts are one by what they say, whatever their label.
            key = digest_of(values["text"]) if "text" in values else digest
            size_bytes = sum(map(_size, values.values()))
            yield Row(values, key, digest, size_bytes, sheet.name, number)


def _pictures(
    sheets: Sequence[Sheet], survey: Survey, *, limits: Limits, findings: Findings
) -> Iterator[Picture]:
    names = survey.further_names
    for sheet in sheets:
        for number, record in records(sheet, limits=limits, findings=findings):
            image = record.get("image")
            content = image.get("bytes") if isinstance(image, dict) else image
            if not isinstance(content, bytes):
                findings.add(Reason.MISSING, file=sheet.name, row=number, field="image")
                continue
            label = survey.label_of(record)
            if label is None and survey.label_names is not None:
                findings.add(Reason.MISSING, file=sheet.name, row=number, field="label")
                continue
            path = image.get("path") if isinstance(image, dict) else None
            further = further_values(record, names)
            yield Picture(str(path or f"{sheet.name}#{number}"), content, label, number, further)


def _size(value: Any) -> int:
    if isinstance(value, str):
        return len(value) * 2
    return sum(len(message["content"]) * 2 for message in value) if isinstance(value, list) else 8
