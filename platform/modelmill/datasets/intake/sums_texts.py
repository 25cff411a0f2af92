"""Statistics and first rows of everything that is not pictures."""

import math
from collections import Counter
from typing import Any

from modelmill.datasets.intake.findings import shown
from modelmill.datasets.intake.rows import Row

PREVIEW_ROWS = 20
_DISTINCT_KEPT = 100_000


class _Preview:
    """The first rows, shortened."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    def add(self, row: Row) -> None:
        if len(self.rows) < PREVIEW_ROWS:
            self.rows.append({name: _short(value) for name, value in row.values.items()})


class _Lengths:
    """Shortest, longest, mean and a histogram by powers of two."""

    def __init__(self) -> None:
        self._buckets: Counter[int] = Counter()
        self._total = self._rows = self._longest = 0
        self._shortest = -1

    def add(self, length: int) -> None:
        self._buckets[length.bit_length()] += 1
        self._total += length
        self._rows += 1
        self._longest = max(self._longest, length)
        self._shortest = length if self._shortest < 0 else min(self._shortest, length)

    def as_json(self) -> dict[str, Any]:
        return {
            "total": self._total,
            "min": max(0, self._shortest),
            "max": self._longest,
            "mean": round(self._total / max(1, self._rows), 1),
            # Each bucket counts the lengths below "below" that no earlier one counted.
            "histogram": [
                {"below": 1 << bits, "rows": rows} for bits, rows in sorted(self._buckets.items())
            ],
        }


class TextSummary:
    """Lengths in characters of texts, labelled or not."""

    def __init__(self) -> None:
        self._preview = _Preview()
        self._lengths = _Lengths()

    def add(self, row: Row) -> None:
        """Take one text into account."""
        self._preview.add(row)
        self._lengths.add(len(row.values["text"]))

    def statistics(self) -> dict[str, Any]:
        """Return the lengths."""
        return {"characters": self._lengths.as_json()}

    def preview(self) -> list[dict[str, Any]]:
        """Return the first texts."""
        return self._preview.rows


class ConversationSummary:
    """Messages, roles and lengths of conversations."""

    def __init__(self) -> None:
        self._preview = _Preview()
        self._lengths = _Lengths()
        self._messages = _Lengths()
        self._roles: Counter[str] = Counter()

    def add(self, row: Row) -> None:
        """Take one conversation into account."""
        self._preview.add(row)
        messages = row.values["messages"]
        self._messages.add(len(messages))
        self._lengths.add(sum(len(message["content"]) for message in messages))
        self._roles.update(message["role"] for message in messages)

    def statistics(self) -> dict[str, Any]:
        """Return lengths and roles."""
        return {
            "characters": self._lengths.as_json(),
            "messages": self._messages.as_json(),
            "roles": dict(sorted(self._roles.items())),
        }

    def preview(self) -> list[dict[str, Any]]:
        """Return the first conversations."""
        return self._preview.rows


class InteractionSummary:
    """Users, items and ratings."""

    def __init__(self) -> None:
        self._preview = _Preview()
        self._users: set[str] = set()
        self._items: set[str] = set()
        self._ratings = _Numbers()

    def add(self, row: Row) -> None:
        """Take one interaction into account."""
        self._preview.add(row)
        for known, name in ((self._users, "user"), (self._items, "item")):
            if len(known) < _DISTINCT_KEPT:
                known.add(row.values[name])
        self._ratings.add(row.values.get("rating"))

    def statistics(self) -> dict[str, Any]:
        """Return the counts; 100,000 users or items mean at least so many."""
        found: dict[str, Any] = {"users": len(self._users), "items": len(self._items)}
        return found | ({"rating": self._ratings.as_json()} if self._ratings.rows else {})

    def preview(self) -> list[dict[str, Any]]:
        """Return the first interactions."""
        return self._preview.rows


class TableSummary:
    """Empty cells of each column, and the range of those that hold numbers."""

    def __init__(self, types: dict[str, str]) -> None:
        self._types = types
        self._preview = _Preview()
        self._empty = dict.fromkeys(types, 0)
        self._numbers = {name: _Numbers() for name in types}

    def add(self, row: Row) -> None:
        """Take one row into account."""
        self._preview.add(row)
        for name, numbers in self._numbers.items():
            value = row.values.get(name)
            self._empty[name] += value is None
            if not isinstance(value, str):
                numbers.add(value)

    def statistics(self) -> dict[str, Any]:
        """Return what is known of each column."""
        return {
            "columns": [
                {
                    "name": name,
                    "type": kind,
                    "empty": self._empty[name],
                    **(self._numbers[name].as_json() if self._numbers[name].rows else {}),
                }
                for name, kind in self._types.items()
            ]
        }

    def preview(self) -> list[dict[str, Any]]:
        """Return the first rows."""
        return self._preview.rows


class _Numbers:
    """Range and mean of numbers."""

    def __init__(self) -> None:
        self.rows = 0
        self._total = 0.0
        self._min, self._max = math.inf, -math.inf

    def add(self, value: float | None) -> None:
        if value is not None:
            self.rows += 1
            self._total += value
            self._min, self._max = min(self._min, value), max(self._max, value)

    def as_json(self) -> dict[str, Any]:
        mean = self._total / max(1, self.rows)
        if not math.isfinite(mean):
            return {}
        return {"min": self._min, "max": self._max, "mean": float(f"{mean:.6g}")}


def _short(value: Any) -> Any:
    if isinstance(value, str):
        text = value[:501].replace("\0", "\ufffd")
        return text if len(text) <= 500 else text[:500] + "…"
    if isinstance(value, list):
        return [_short(item) for item in value[:8]]
    if isinstance(value, dict):
        return {shown(str(name)): _short(item) for name, item in value.items()}
    return value
