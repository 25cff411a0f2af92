"""A plugin's sample of text, cut into what was given and what was answered."""

from collections.abc import Mapping
from itertools import groupby
from typing import Any

_GIVEN = ">"


def text_parts(sample: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a sample's parts in order; lines that begin with ``>`` are what the model was given.

    A text without such lines is one part; a picture has none.
    """
    parts = []
    lines = str(sample.get("text", "")).splitlines()
    for is_given, group in groupby(lines, key=lambda line: line.startswith(_GIVEN)):
        said = [line.removeprefix(_GIVEN).removeprefix(" ") if is_given else line for line in group]
        text = "\n".join(said).strip("\n")
        if text.strip():
            parts.append({"is_given": is_given, "text": text})
    return parts
