"""The narrowest type that fits every value of a column."""

import json
import math
import re
from typing import Any

from modelmill.datasets.intake.records import Record
from modelmill.datasets.intake.refusals import Refusal, Refused

_INT = re.compile(r"[+-]?\d{1,18}", re.ASCII)
_FLOAT = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_TRUTH = {"true": True, "false": False}
_INT_MAX = 1 << 63
_NAME_MAX = 100

# From narrow to wide; a bool beside a number makes text, for neither is the other.
_WIDER = {
    frozenset({"int", "float"}): "float",
}


class ColumnTypes:
    """Learns the columns of a table from its records."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._types: dict[str, str | None] = {}

    def see(self, record: Record) -> None:
        """Widen the types to fit one more record; raises ``Refused`` for too many columns."""
        for name, value in record.items():
            if name not in self._types:
                self._check(name)
                self._types[name] = None
            kind = _type_of(value)
            known = self._types[name]
            if kind is not None and kind != known:
                wider = _WIDER.get(frozenset({kind, known or kind}), "text")
                self._types[name] = kind if known is None else wider

    def types(self) -> dict[str, str]:
        """Return each column's type: bool, int, float or text; one without values is text."""
        return {name: kind or "text" for name, kind in self._types.items()}

    def _check(self, name: str) -> None:
        if len(self._types) >= self._most or not is_column_name(name):
            raise Refused(Refusal.COLUMNS, most=self._most)


def is_column_name(name: str) -> bool:
    """Say whether a column may have this name."""
    return 0 < len(name) <= _NAME_MAX and name.isprintable()


def value_as(value: Any, kind: str) -> Any:
    """Return a value as its column's type; None for one that is missing."""
    if _type_of(value) is None:
        return None
    if kind == "text":
        return value if isinstance(value, str) else _text(value)
    if isinstance(value, str):
        value = value.strip()
        return _TRUTH[value.lower()] if kind == "bool" else (int if kind == "int" else float)(value)
    return float(value) if kind == "float" else value


def _type_of(value: Any) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "int" if -_INT_MAX <= value < _INT_MAX else "text"
    if isinstance(value, float):
        return "float" if math.isfinite(value) else "text"
    if isinstance(value, str):
        return _type_of_text(value.strip())
    return "text"


def _type_of_text(value: str) -> str:
    if value.lower() in _TRUTH:
        return "bool"
    if _INT.fullmatch(value):
        # A postal code is no number: its zeros would be lost.
        return "text" if len(value.lstrip("+-")) > 1 and value.lstrip("+-")[0] == "0" else "int"
    if _FLOAT.fullmatch(value) and math.isfinite(float(value)):
        return "float"
    return "text"


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, bool | list | dict | float):
        return json.dumps(value, ensure_ascii=False, default=str, sort_keys=True)
    return str(value)
