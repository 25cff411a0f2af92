"""Values on the command line: ``name=value``, the value in JSON, as plain text, or ``@file``."""

import base64
import json
import mimetypes
from collections.abc import Iterable
from pathlib import Path
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
    if text.startswith("@"):
        return _file(Path(text[1:]))
    try:
        return json.loads(text)
    except ValueError:
        return text


def _file(path: Path) -> str:
    """A picture as a data URL, which is how one travels in JSON; anything else as its text."""
    if not path.is_file():
        raise PluginError(f"{path} is not there.")
    media_type = mimetypes.guess_type(path.name)[0] or "text/plain"
    if not media_type.startswith("image/"):
        return path.read_text(encoding="utf-8")
    return f"data:{media_type};base64,{base64.b64encode(path.read_bytes()).decode()}"
