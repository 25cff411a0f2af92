"""Values on the command line: ``name=value``, the value in JSON, as plain text, or ``@file``."""

import base64
import json
import mimetypes
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from modelmill_sdk.errors import PluginError

_EXAMPLE = 'such as {"prompt": "The"}'


def inputs_read(path: Path) -> list[dict[str, Any]]:
    """Read a file with one input a line, as JSON objects. Raises PluginError, naming the line."""
    lines = _text(path).splitlines()
    inputs = [_input(line, f"{path}, line {n}") for n, line in enumerate(lines, 1) if line.strip()]
    if not inputs:
        raise PluginError(f"{path} has no input in it; write one a line, {_EXAMPLE}.")
    return inputs


def values_read(words: Iterable[str]) -> dict[str, Any]:
    """Read ``name=value`` words. Raises PluginError for a word without an equals sign."""
    values: dict[str, Any] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals or not name:
            raise PluginError(f"{word!r} is not NAME=VALUE; write it as in prompt=The.")
        values[name] = _value(text)
    return values


def _input(line: str, where: str) -> dict[str, Any]:
    try:
        values = json.loads(line)
    except ValueError as error:
        raise PluginError(f"{where} is not JSON ({error}); write an object, {_EXAMPLE}.") from error
    if not isinstance(values, dict):
        raise PluginError(f"{where} is no object; write one, {_EXAMPLE}.")
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
    media_type = mimetypes.guess_type(path.name)[0] or "text/plain"
    if not media_type.startswith("image/"):
        return _text(path)
    return f"data:{media_type};base64,{base64.b64encode(_bytes(path)).decode()}"


def _text(path: Path) -> str:
    try:
        return _bytes(path).decode("utf-8")
    except UnicodeDecodeError as error:
        raise PluginError(f"{path} is not a text in UTF-8; save it as one.") from error


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        why = "is not there" if isinstance(error, FileNotFoundError) else "cannot be read"
        raise PluginError(f"{path} {why} ({error.strerror}); name a file that can.") from error
