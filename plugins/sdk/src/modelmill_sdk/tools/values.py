"""Values on the command line: ``name=value``, the value in JSON or as plain text."""

import json
from collections.abc import Iterable
from typing import Any

from modelmill_sdk.errors import PluginError


def values_read(words: Iterable[str]) -> dict[str, Any]:
    """Read ``name=value`` words. Raises PluginError for a word without an equals sign."""
    values: dict[str, Any] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals or not name:
            raise PluginError(f"{word!r} is not NAME=VALUE.")
        values[name] = _value(text)
    return values


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
