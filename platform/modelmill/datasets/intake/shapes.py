"""What a record must look like to be a row of each kind; pure functions."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from modelmill.datasets.intake.columns import value_as
from modelmill.datasets.intake.findings import Reason
from modelmill.datasets.intake.further import further_values
from modelmill.datasets.intake.records import Record

USER = ("user", "user_id")
ITEM = ("item", "item_id")
RATING = ("rating",)
TIMESTAMP = ("timestamp", "time")

_SECONDS_MAX = 1 << 62
_ROLES = frozenset({"system", "developer", "user", "assistant", "tool"})


@dataclass(frozen=True)
class Bad:
    """Why a record is no row, and which field shows it."""

    reason: Reason
    field: str = ""


def named(record: Record, names: Sequence[str]) -> Any:
    """Return the value under the first of these names that has one; None without."""
    for name in names:
        value = record.get(name)
        if value is not None and value != "":
            return value
    return None


def label_text(value: Any) -> str | None:
    """Return a label as text; None for one that is missing or no simple value."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        label = value.strip()[:200]
        return label if label.isprintable() and label else None
    return str(value)[:200] if isinstance(value, int) else None


def text_shape(record: Record) -> dict[str, Any] | Bad:
    """Take a record's text."""
    text = record.get("text")
    if text is None:
        return Bad(Reason.MISSING, "text")
    if not isinstance(text, str):
        return Bad(Reason.TYPE, "text")
    return {"text": text} if text.strip() else Bad(Reason.EMPTY, "text")


def labelled_text_shape(
    label_names: Sequence[str], further: Sequence[str]
) -> Callable[[Record], dict[str, Any] | Bad]:
    """Take a record's text, its label as a number, and its texts in the further columns."""
    numbers = {name: number for number, name in enumerate(label_names)}

    def shape(record: Record) -> dict[str, Any] | Bad:
        values = text_shape(record)
        if isinstance(values, Bad):
            return values
        label = label_text(record.get("label"))
        if label is None:
            return Bad(Reason.MISSING, "label")
        return {**values, "label": numbers[label], **further_values(record, further)}

    return shape


def conversation_shape(record: Record) -> dict[str, Any] | Bad:
    """Take a record's messages, each with a role and a content."""
    messages = record.get("messages")
    if not isinstance(messages, list) or not messages:
        return Bad(Reason.MESSAGES, "messages")
    kept = []
    for message in messages:
        if not isinstance(message, dict) or message.get("role") not in _ROLES:
            return Bad(Reason.MESSAGES, "messages")
        content = message.get("content")
        if not isinstance(content, str):
            return Bad(Reason.MESSAGES, "messages")
        kept.append({"role": message["role"], "content": content})
    if not any(message["content"].strip() for message in kept):
        return Bad(Reason.EMPTY, "messages")
    return {"messages": kept}


def interaction_shape(*, rating: bool, timestamp: bool) -> Callable[[Record], dict[str, Any] | Bad]:
    """Take who met what, and how and when if the source says so."""

    def shape(record: Record) -> dict[str, Any] | Bad:
        values: dict[str, Any] = {}
        for column, names in (("user", USER), ("item", ITEM)):
            value = named(record, names)
            if value is None:
                return Bad(Reason.MISSING, column)
            values[column] = str(value)
        if rating:
            values["rating"] = _number(named(record, RATING))
            if isinstance(values["rating"], Bad):
                return Bad(Reason.TYPE, "rating")
        if timestamp:
            values["timestamp"] = _seconds(named(record, TIMESTAMP))
            if isinstance(values["timestamp"], Bad):
                return Bad(Reason.TYPE, "timestamp")
        return values

    return shape


def table_shape(types: dict[str, str]) -> Callable[[Record], dict[str, Any] | Bad]:
    """Take every column as the type that the survey found for it."""

    def shape(record: Record) -> dict[str, Any] | Bad:
        return {name: value_as(record.get(name), kind) for name, kind in types.items()}

    return shape


def _number(value: Any) -> float | Bad | None:
    if value is None:
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return Bad(Reason.TYPE)
    return number if abs(number) < 1e300 else Bad(Reason.TYPE)


def _seconds(value: Any) -> int | Bad | None:
    """Return a moment as seconds since 1970: from a number, or from an ISO 8601 text."""
    number = _number(value)
    if not isinstance(number, Bad):
        return (
            None if number is None else int(number) if abs(number) < 1 << 62 else Bad(Reason.TYPE)
        )
    if isinstance(value, datetime):
        moment = value
    else:
        try:
            moment = datetime.fromisoformat(str(value))
        except ValueError:
            return Bad(Reason.TYPE)
    return int(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp())
