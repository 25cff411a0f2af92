"""Columns beside those that make a kind: kept as short texts, for quality to be compared by."""

import math
import re
from collections.abc import Sequence
from typing import Any

from modelmill.datasets.intake.columns import is_column_name
from modelmill.datasets.intake.findings import Findings, Reason
from modelmill.datasets.intake.limits import Limits
from modelmill.datasets.intake.records import Record

# Control characters and halves of characters; joiners, which some scripts need, stay.
_UNFIT = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
# As much of a name as a list of problems shows.
_NAME_KEPT = 200


class FurtherColumns:
    """Learns from records which further columns are kept, and why others are left out.

    No more names are remembered than a table may have columns, whatever the records hold.
    """

    def __init__(self, *own: str, limits: Limits) -> None:
        self._own = frozenset(own)
        self._limits = limits
        self._has_values: dict[str, bool] = {}
        self._folded = {_folded(name) for name in own}
        self._left_out: dict[str, Reason] = {}

    def see(self, record: Record) -> None:
        """Take one more record into account."""
        for name, value in record.items():
            if name in self._own or name in self._left_out:
                continue
            if name not in self._has_values and not self._meet(name):
                continue
            text = _text(value)
            if not _is_simple(value) or len(text or "") > self._limits.further_chars:
                del self._has_values[name]
                self._left_out[name] = Reason.COLUMN_VALUES
            elif text is not None:
                self._has_values[name] = True

    def names(self) -> list[str]:
        """Return the columns to keep, in the order in which they were met."""
        return self._filled()[: self._limits.further_columns]

    def note(self, findings: Findings, *, file: str) -> None:
        """Note the columns that are left out, each with its reason."""
        over = self._filled()[self._limits.further_columns :]
        left_out = self._left_out | dict.fromkeys(over, Reason.COLUMN_COUNT)
        for name, reason in left_out.items():
            findings.add(reason, file=file, field=name)

    def _filled(self) -> list[str]:
        return [name for name, has_values in self._has_values.items() if has_values]

    def _meet(self, name: str) -> bool:
        if len(self._has_values) + len(self._left_out) >= self._limits.columns:
            return False
        if not is_column_name(name):
            self._left_out[name[:_NAME_KEPT]] = Reason.COLUMN_NAME
            return False
        if _folded(name) in self._folded:
            self._left_out[name] = Reason.COLUMN_CLASH
            return False
        self._folded.add(_folded(name))
        self._has_values[name] = False
        return True


def further_values(record: Record, names: Sequence[str]) -> dict[str, str | None]:
    """Return a record's texts in the columns that are kept; None for one that is missing."""
    return {name: _text(record.get(name)) for name in names}


def _folded(name: str) -> str:
    return name.strip().casefold()


def _is_simple(value: Any) -> bool:
    return not isinstance(value, dict | list | bytes)


def _text(value: Any) -> str | None:
    """Return a simple value as one line of text; None for one that is missing."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, bool):
        return str(value).lower()
    return _UNFIT.sub("\ufffd", " ".join(str(value).split())) or None
