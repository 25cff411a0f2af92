"""Answers for single rows, whose every value is checked by the model's own columns.

Axes: K classes.
"""

import math
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

import numpy as np
from modelmill_sdk import CustomerError

from modelmill_tabular.choosing import interval_width
from modelmill_tabular.columns import Column, date_parts
from modelmill_tabular.models import RowModel
from modelmill_tabular.params import Cell, Input, PredictParams
from modelmill_tabular.tables import Floats, table_of

_DIGITS = 6
_NAMES_SHOWN = 30


def predict_rows(
    model: RowModel, inputs: Sequence[Input], params: PredictParams, *, first_index: int
) -> list[dict[str, Any]]:
    """Answer each row. Raises CustomerError naming the input and the column that is wrong."""
    rows = [
        _checked(model, one.row, where=f"inputs.{index}")
        for index, one in enumerate(inputs, start=first_index)
    ]
    columns = {column.name: column.is_number for column in model.encoder.columns}
    encoded = model.encoder.encode(table_of(rows, columns))
    # Each row by itself, so that company changes no bit of it.
    predicted = model.predicted(encoded, at_once=1)
    answers = []
    for row, values in zip(rows, predicted, strict=True):
        answer = _class(model, values, params) if model.target.is_classes else None
        answers.append((answer or _amount(model, values, params)) | _remarks(model, row))
    return answers


def _class(model: RowModel, values: Floats, params: PredictParams) -> dict[str, Any]:
    target = model.target
    weights = values / np.array(target.shares) if params.decision == "balanced" else values
    label = int(weights.argmax())
    return {
        "label": target.classes[label],
        "probability": _rounded(values[label]),
        "probabilities": {
            name: _rounded(value) for name, value in zip(target.classes, values, strict=True)
        },
    }


def _amount(model: RowModel, values: Floats, params: PredictParams) -> dict[str, Any]:
    target = model.target
    value = target.mean + target.spread * float(values[0])
    width = target.spread * interval_width(model.misses, coverage=params.coverage)
    return {
        "value": _rounded(value),
        "low": _rounded(value - width),
        "high": _rounded(value + width),
        "coverage": params.coverage,
    }


def _remarks(model: RowModel, row: dict[str, Cell]) -> dict[str, Any]:
    """Say what the answer had to do without."""
    columns = model.encoder.columns
    return {
        "missing_columns": [one.name for one in columns if row.get(one.name) is None],
        "unknown_categories": [
            one.name
            for one in columns
            if one.kind == "category"
            and row.get(one.name) is not None
            and row[one.name] not in one.categories
        ],
    }


def _checked(model: RowModel, row: dict[str, Cell], *, where: str) -> dict[str, Cell]:
    columns = {column.name: column for column in model.encoder.columns}
    checked: dict[str, Cell] = {}
    for name, value in row.items():
        param = f"{where}.row.{name}"
        if name in columns:
            checked[name] = _cell(columns[name], value, param=param)
        elif name not in model.ignored:
            raise CustomerError(_stranger(name, list(columns)), param)
    if all(value is None for value in checked.values()):
        names = ", ".join(list(columns)[:_NAMES_SHOWN])
        raise CustomerError(f"The row has no value. Give some of: {names}.", f"{where}.row")
    return checked


def _cell(column: Column, value: Cell, *, param: str) -> Cell:
    if value is None or value == "":
        return None
    if column.kind == "number":
        number = _number(value)
        if number is None:
            raise CustomerError(f"{column.name!r} takes a number, not {value!r}.", param)
        return number
    text = _text(value)
    if column.kind == "date" and math.isnan(date_parts(text)[0]):
        raise CustomerError(
            f"{column.name!r} takes a date such as 2026-01-31, not {value!r}.", param
        )
    return text


def _number(value: Cell) -> float | None:
    if isinstance(value, str) and value.strip().lower() in ("true", "false"):
        return float(value.strip().lower() == "true")
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _text(value: Cell) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)


def _stranger(name: str, known: list[str]) -> str:
    near = get_close_matches(name, known, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    names = ", ".join(known[:_NAMES_SHOWN])
    return f"The model knows no column {name!r}.{hint} Its columns are: {names}."


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")
