"""What a dataset version's statistics and preview say, arranged for its page."""

import json
from dataclasses import dataclass
from typing import Any

from django.utils.formats import number_format
from django.utils.translation import gettext as _

from modelmill.datasets.models import DatasetVersion, Kind
from modelmill.datasets.models.dataset import Split


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A share of a whole: its name, how many, and of how many."""

    label: str
    count: int
    total: int


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Single facts as (label, text), and distributions as (title, bars)."""

    single: list[tuple[str, str]]
    charts: list[tuple[str, list[Bar]]]


@dataclass(frozen=True, kw_only=True)
class Preview:
    """Rows as a table of texts."""

    columns: list[str]
    rows: list[list[str]]


def splits_of(version: DatasetVersion) -> list[Bar]:
    """Return the rows of each split."""
    return [
        Bar(label=str(split.label), count=version.splits.get(split, 0), total=version.row_count)
        for split in Split
    ]


def facts_of(version: DatasetVersion) -> Facts:
    """Return what the check counted; only what it found is there."""
    stored = version.statistics
    single = [*_picture_facts(stored), *_text_facts(stored), *_other_facts(stored)]
    if "duplicates" in stored:
        single.append((_("Duplicates left out"), _number(stored["duplicates"])))
    charts = [
        (_("Labels"), _class_bars(stored.get("classes", []))),
        (_("Length in characters"), _length_bars(stored.get("characters", {}))),
        (_("Sizes in pixels"), _size_bars(stored.get("sizes", []))),
    ]
    return Facts(single=single, charts=[chart for chart in charts if chart[1]])


def preview_of(version: DatasetVersion) -> Preview:
    """Return the first rows, each cell as text; labels by their names."""
    columns = list(version.preview[0]) if version.preview else []
    rows = [[_cell(version, name, row.get(name)) for name in columns] for row in version.preview]
    return Preview(columns=columns, rows=rows)


def _picture_facts(stored: dict[str, Any]) -> list[tuple[str, str]]:
    side = stored.get("shortest_side_px") or {}
    facts = []
    if side:
        facts.append((_("Shortest side"), f"{side['min']}–{side['max']} px"))
    if stored.get("formats"):
        facts.append((_("Formats"), _ranked(stored["formats"])))
    if stored.get("modes"):
        facts.append((_("Colours"), _ranked(stored["modes"])))
    return facts


def _text_facts(stored: dict[str, Any]) -> list[tuple[str, str]]:
    facts = []
    lengths = stored.get("characters")
    if lengths:
        facts.append((_("Characters"), _number(lengths["total"])))
        facts.append((_("Mean length"), _number(round(lengths["mean"]))))
    if stored.get("messages"):
        facts.append((_("Messages"), _number(stored["messages"]["total"])))
    if stored.get("roles"):
        facts.append((_("Roles"), _ranked(stored["roles"])))
    return facts


def _other_facts(stored: dict[str, Any]) -> list[tuple[str, str]]:
    names = (("users", _("Users")), ("items", _("Items")))
    facts = [(label, _number(stored[name])) for name, label in names if name in stored]
    if stored.get("columns"):
        facts.append((_("Columns"), _number(len(stored["columns"]))))
    if stored.get("further_columns"):
        facts.append((_("Further columns"), ", ".join(stored["further_columns"])))
    return facts


def _class_bars(classes: list[dict[str, Any]]) -> list[Bar]:
    counts = {one["label"]: sum(one.get(split, 0) for split in Split.values) for one in classes}
    total = sum(counts.values())
    return [Bar(label=str(label), count=count, total=total) for label, count in counts.items()]


def _length_bars(lengths: dict[str, Any]) -> list[Bar]:
    buckets = lengths.get("histogram", [])
    total = sum(bucket["rows"] for bucket in buckets)
    return [
        Bar(
            label=f"{_number(bucket['below'] // 2)}–{_number(bucket['below'] - 1)}",
            count=bucket["rows"],
            total=total,
        )
        for bucket in buckets
    ]


def _size_bars(sizes: list[dict[str, Any]]) -> list[Bar]:
    total = sum(size["rows"] for size in sizes)
    return [
        Bar(label=f"{size['width_px']} × {size['height_px']}", count=size["rows"], total=total)
        for size in sizes
    ]


def _ranked(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} ({_number(count)})" for name, count in counts.items())


def _number(value: int) -> str:
    return number_format(value, force_grouping=True)


def _cell(version: DatasetVersion, name: str, value: Any) -> str:
    if value is None:
        return ""
    if name == "label" and version.label_names and isinstance(value, int):
        return str(version.label_names[value])
    if name == "messages" and version.kind == Kind.CONVERSATIONS:
        return "\n".join(f"{one.get('role', '')}: {one.get('content', '')}" for one in value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
