"""Results: what ``predict`` returned, put into messages and files."""

import json
from pathlib import Path
from typing import Any

from pydantic_core import to_jsonable_python

from modelmill_sdk.errors import PluginError
from modelmill_sdk.protocol import Result
from modelmill_sdk.texts import text_clean


def result_message(
    value: Any, *, request_id: str, index: int, out_dir: Path, finish_reason: str
) -> Result:
    """Turn one result into its message; a picture becomes a PNG file in ``out_dir``.

    Raises PluginError for a file outside ``out_dir`` and for a value that is not JSON.
    """
    common: dict[str, Any] = {
        "request_id": request_id,
        "index": index,
        "finish_reason": finish_reason,
    }
    if isinstance(value, str):
        return Result(kind="text", text=text_clean(value), **common)
    if isinstance(value, dict):
        return Result(kind="json", value=_json_value(value), **common)
    if isinstance(value, Path):
        return Result(kind="file", path=_inside(value, out_dir), **common)
    if hasattr(value, "save") and hasattr(value, "mode"):
        path = out_dir / f"{request_id}-{index}.png"
        # Level 1 is several times faster than the default for some ten percent more bytes.
        value.save(path, format="PNG", compress_level=1)
        return Result(kind="image", path=path, **common)
    raise PluginError(
        f"predict() gave a {type(value).__name__}; give a PIL image, a str, a dict or a Path."
    )


def _json_value(value: dict[Any, Any]) -> Any:
    try:
        plain = to_jsonable_python(value, inf_nan_mode="null")
        if "\\u0000" in json.dumps(plain):
            raise PluginError("predict() gave a dict with a NUL character in it.")
        return plain
    except ValueError as error:
        raise PluginError(f"predict() gave a dict that is not JSON: {error}") from error


def _inside(path: Path, folder: Path) -> Path:
    resolved = path.resolve()
    if not resolved.is_relative_to(folder.resolve()) or not resolved.is_file():
        raise PluginError(f"predict() gave {path}, which is not a file in run.out_dir.")
    return resolved
