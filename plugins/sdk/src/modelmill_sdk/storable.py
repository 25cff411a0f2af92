"""JSON that a database can hold: stricter than what JSON parsers take."""

import json
from collections.abc import Iterator
from typing import Any

# Two million empty lists fit a frame, and cost Python seconds.
MAX_PARTS = 200_000
MAX_KEYS = 200


def storable_check(payload: bytes) -> None:
    """Raise ValueError for a NUL character in a text, for the words NaN and Infinity.

    And for more than ``MAX_PARTS`` objects, lists and names, or what looks like them in a text.
    """
    if payload.count(b"[") + payload.count(b"{") + payload.count(b'":') > MAX_PARTS:
        raise ValueError(f"more than {MAX_PARTS} objects, lists and names")
    # The words are looked for first: nearly no message has them, and a second parse costs time.
    if b"\\u0000" in payload:
        for part in _strings(json.loads(payload)):
            if "\0" in part:
                raise ValueError("a text holds a NUL character")
    if b"NaN" in payload or b"Infinity" in payload:
        json.loads(payload, parse_constant=_refuse_constant)


def keys_check(value: Any) -> Any:
    """Return the value; raises ValueError for an object of more than ``MAX_KEYS`` names."""
    if isinstance(value, dict) and len(value) > MAX_KEYS:
        raise ValueError(f"more than {MAX_KEYS} names")
    return value


def finite_check(value: Any) -> Any:
    """Return the value; raises ValueError if a number in it is too large to be one (``1e999``)."""
    if value is not None:
        json.dumps(value, allow_nan=False)
    return value


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
