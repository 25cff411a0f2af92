"""Results of two predictions, compared."""

import math
from pathlib import Path
from typing import Any

from modelmill_sdk.conformance.child import Answer
from modelmill_sdk.protocol import Result

# A library may sum in another order for another batch size; more than this is another result.
_RELATIVE, _ABSOLUTE = 1e-3, 1e-4
_PIXEL = 2


def results_of(answer: Answer) -> list[Result]:
    """Give an answer's results, in order."""
    return [one for one in answer.messages if isinstance(one, Result)]


def results_differ(first: list[Result], second: list[Result], *, is_exact: bool) -> str:
    """Say where two lists of results differ; nothing if they do not.

    Where not ``is_exact``, numbers may differ by a thousandth and pixels by two of 255.
    """
    for one, other in zip(first, second, strict=True):
        if one.kind != other.kind:
            return f"Result {one.index} is {one.kind} once and {other.kind} once."
        if not _equal(one, other, is_exact=is_exact):
            return f"Result {one.index} differs: {_shown(one)} and {_shown(other)}."
    return ""


def _equal(one: Result, other: Result, *, is_exact: bool) -> bool:
    if one.path is not None and other.path is not None:
        return _files_equal(one.path, other.path, is_picture=one.kind == "image" and not is_exact)
    if is_exact:
        return (one.text, one.value) == (other.text, other.value)
    return one.text == other.text and _values_close(one.value, other.value)


def _files_equal(one: Path, other: Path, *, is_picture: bool) -> bool:
    if one.read_bytes() == other.read_bytes():
        return True
    if not is_picture:
        return False
    from PIL import Image, ImageChops

    with Image.open(one) as first, Image.open(other) as second:
        if (first.size, first.mode) != (second.size, second.mode):
            return False
        extremes = ImageChops.difference(first, second).convert("L").getextrema()
    return float(extremes[1]) <= _PIXEL  # type: ignore[arg-type]


def _values_close(one: Any, other: Any) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_values_close(one[k], other[k]) for k in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_values_close, one, other))
    if isinstance(one, float | int) and isinstance(other, float | int):
        return math.isclose(one, other, rel_tol=_RELATIVE, abs_tol=_ABSOLUTE)
    return bool(one == other)


def _shown(result: Result) -> str:
    said = result.text if result.kind == "text" else result.value
    return f"a {result.kind} file" if result.path else repr(said)[:120]
