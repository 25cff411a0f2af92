"""An input that a model can answer: by its schema's examples, and by the data it learnt from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modelmill.core import errors
from modelmill.datasets.models import DatasetVersion
from modelmill.datasets.selectors import access_version
from modelmill.registry.models import ModelVersion
from modelmill.web.parameters import Parameter, parameters_of

_LONGEST_TEXT = 200
_KINDS: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
}


@dataclass(frozen=True)
class FileText:
    """What stands in an input for a file in base64: code reads it in where it stands."""

    name: str


def data_learnt(version: ModelVersion) -> DatasetVersion | None:
    """Return what a model learnt from; None when it was deleted since."""
    try:
        return access_version(version.dataset_version_id)
    except errors.NotFound:
        return None


def row_of(data: DatasetVersion | None) -> dict[str, Any]:
    """Return one of the rows that the data's page shows, in the order of its columns."""
    if data is None or not data.preview:
        return {}
    row = data.preview[0]
    # PostgreSQL keeps the names of an object in an order of its own.
    names = [column["name"] for column in data.statistics.get("columns", [])]
    return {name: row[name] for name in names if name in row} or row


def example_input(version: ModelVersion, *, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return an input for a model; ``row`` is one of the data it learnt from, empty for none.

    A field that has the name of a column takes its value, one for whole rows the row. Others take
    their schema's first example. What is not required and has neither is left out.
    """
    manifest = version.release.manifest
    known = _without_answer(version, row) if manifest["task"] == "table-prediction" else dict(row)
    found = {}
    for field in parameters_of(manifest["input_schema"]):
        value = _value(field, known)
        if value is not None:
            found[field.name] = value
    return found


def _value(field: Parameter, row: Mapping[str, Any]) -> Any:
    if field.media_type and field.is_required:
        is_picture = field.media_type.startswith("image/")
        return FileText("picture.png" if is_picture else "file.bin")
    of_column = row.get(field.name)
    if isinstance(of_column, _KINDS.get(field.type, ())) and not field.media_type:
        return of_column[:_LONGEST_TEXT] if isinstance(of_column, str) else of_column
    if field.examples:
        return field.examples[0]
    return _plain(field, row) if field.is_required else None


def _plain(field: Parameter, row: Mapping[str, Any]) -> Any:
    """Return a value of a field's type."""
    if field.default is not None:
        return field.default
    if field.choices:
        return field.choices[0]
    if field.type in ("integer", "number"):
        return field.least or 0
    plain = {"boolean": False, "array": [], "object": dict(row)}
    return plain.get(field.type, "The mill turns.")


def _without_answer(version: ModelVersion, row: Mapping[str, Any]) -> dict[str, Any]:
    """Leave the column out that the model completes: the one named, else the last."""
    target = version.parameters.get("target") or (list(row) or [""])[-1]
    return {name: value for name, value in row.items() if name != target and value is not None}
