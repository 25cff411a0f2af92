"""Datasets that a customer might bring by mistake: poor rows between good ones, or one row alone.

Every row is one that the platform's intake lets pass (it refuses empty texts and broken pictures
itself), and that has nothing else to be said for it.
"""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from modelmill_sdk.data import DESCRIPTION_FILE
from modelmill_sdk.manifest import (
    CONVERSATIONS,
    IMAGES,
    INTERACTIONS,
    LABELLED_IMAGES,
    LABELLED_TEXT,
    TABLE,
    TEXT,
)

_LONG = "mill " * 4_000


def poor_datasets(good: Path, folder: Path) -> Iterator[tuple[str, Path]]:
    """Write datasets made from a good one; give what each is, and where."""
    described = json.loads((good / DESCRIPTION_FILE).read_text(encoding="utf-8"))
    rows = _rows(good, described)
    yield "poor rows", _write(folder / "poor", described, [*_poor(described, rows), *rows])
    yield "one row", _write(folder / "one", described, rows[:1])


def _rows(good: Path, described: dict[str, Any]) -> list[dict[str, Any]]:
    import pyarrow.parquet as pq

    files = described["splits"]["train"]["files"]
    return [row for name in files for row in pq.read_table(good / name).to_pylist()]


def _poor(described: dict[str, Any], rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    kind, usual = described["kind"], rows[0]
    if kind == TABLE:
        return _gaps(usual)
    values = _pictures() if kind in (IMAGES, LABELLED_IMAGES) else _VALUES[kind]
    return [{**usual, **one} for one in values]


def _pictures() -> list[dict[str, Any]]:
    """Pictures that decode: tiny, far from square, and in every mode that files come in."""
    from PIL import Image

    sizes = [("RGB", (1, 1)), ("RGB", (600, 2)), ("L", (64, 64)), ("RGBA", (64, 64))]
    sizes += [("P", (64, 64)), ("CMYK", (64, 64)), ("I;16", (64, 64)), ("1", (64, 64))]
    found = []
    for number, (mode, size) in enumerate(sizes):
        buffer = io.BytesIO()
        form = "JPEG" if mode == "CMYK" else "PNG"
        Image.new(mode, size).save(buffer, format=form)
        path = f"poor-{number}.{form.lower()}"
        found.append({"image": {"bytes": buffer.getvalue(), "path": path}})
    return found


def _gaps(usual: dict[str, Any]) -> list[dict[str, Any]]:
    """Leave out one cell each, then all of them."""
    gaps = [{**usual, name: None} for name in usual]
    return [*gaps, dict.fromkeys(usual)]


def _write(folder: Path, described: dict[str, Any], rows: list[dict[str, Any]]) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), folder / "train-00000.parquet")
    splits = {"train": {"rows": len(rows), "files": ["train-00000.parquet"]}}
    text = json.dumps({**described, "splits": splits})
    (folder / DESCRIPTION_FILE).write_text(text, encoding="utf-8")
    return folder


_TEXTS: list[dict[str, Any]] = [
    {"text": text} for text in ("a", "\u200b", "?!", _LONG, "磨坊🙂\ufffd", "\n\n a \n", "0")
]
_MESSAGES: list[dict[str, Any]] = [
    {"messages": [{"role": "user", "content": ""}, {"role": "assistant", "content": "?"}]},
    {"messages": [{"role": "system", "content": "Be brief."}]},
    {"messages": [{"role": "user", "content": "Alone?"}]},
    {"messages": [{"role": "user", "content": _LONG}, {"role": "assistant", "content": "a"}]},
]
_MEETINGS: list[dict[str, Any]] = [
    {"user": "once", "item": "item-0"},
    {"user": " ", "item": "磨坊"},
    {"user": "twice", "item": "never-again"},
    {"rating": None},
    {"timestamp": None},
]
_VALUES: dict[str, list[dict[str, Any]]] = {
    TEXT: _TEXTS,
    LABELLED_TEXT: _TEXTS,
    CONVERSATIONS: _MESSAGES,
    INTERACTIONS: _MEETINGS,
}
