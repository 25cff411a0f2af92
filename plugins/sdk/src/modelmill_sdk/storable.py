"""JSON that a database can hold: stricter than what JSON parsers take."""

import json
from collections.abc import Iterator
from typing import Any


def storable_check(payload: bytes) -> None:
    """Raise ValueError for a NUL character in a text, and for the words NaN and Infinity."""
    # The words are looked for first: nearly no message has them, and a second parse costs time.
    if b"\\u0000" in payload:
        for part in _strings(json.loads(payload)):
            if "\0" in part:
                raise ValueError("a text holds a NUL character")
    if b"NaN" in payload or b"Infinity" in payload:
        json.loads(payload, parse_constant=_refuse_constant)


def _refuse_constant(word: str) -> None:
    raise ValueError(f"{word} is not JSON")


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)
