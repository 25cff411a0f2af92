"""Raw data on the author's disk, made into the folder that the platform would hand to a plugin.

The columns of each kind, the cutting of texts and the shares of the splits are the platform's; its
checks of what a stranger uploads are not here.
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from modelmill_sdk.data import DESCRIPTION_FILE
from modelmill_sdk.errors import PluginError
from modelmill_sdk.manifest import IMAGES, LABELLED_IMAGES, TEXT
from modelmill_sdk.testing.datasets import dataset_write
from modelmill_sdk.tools.records import records_read, records_shape
from modelmill_sdk.tools.texts import text_chunks

PICTURES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp"})
TEXTS = frozenset({".txt", ".text", ".md", ".markdown"})
RECORDS = frozenset({".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet"})

Row = dict[str, Any]

_PARTS = 10


def dataset_of(path: Path, folder: Path) -> Path:
    """Give a dataset folder for raw data; one that is a dataset already is given as it is.

    A folder of pictures, a folder of folders of pictures (the inner names are labels), a text, or
    records. Raises PluginError for anything else.
    """
    if (path / DESCRIPTION_FILE).is_file():
        return path
    kind, rows, label_names = _read(path)
    splits = _split(rows)
    return dataset_write(folder, kind, label_names=label_names, **splits)


def _read(path: Path) -> tuple[str, list[Row], list[str] | None]:
    if path.is_dir():
        pictures = sorted(p for p in path.rglob("*") if p.suffix.lower() in PICTURES)
        if pictures:
            return _pictures(path, pictures)
        files = [p for p in path.rglob("*") if p.suffix.lower() in TEXTS | RECORDS]
    else:
        files = [path] if path.is_file() else []
    if not path.exists():
        raise PluginError(f"There is nothing at {path}.")
    if not files:
        raise PluginError(f"{path} holds nothing to train on: pictures, texts or records.")
    if all(file.suffix.lower() in TEXTS for file in files):
        return TEXT, _chunks(sorted(files)), None
    if not all(file.suffix.lower() in RECORDS for file in files):
        raise PluginError(f"{path} must hold texts or records ({', '.join(sorted(RECORDS))}).")
    return records_shape([record for file in sorted(files) for record in records_read(file)])


def _pictures(root: Path, files: Sequence[Path]) -> tuple[str, list[Row], list[str] | None]:
    rows: list[Row] = [
        {"image": {"bytes": file.read_bytes(), "path": file.relative_to(root).as_posix()}}
        for file in files
    ]
    folders = sorted({file.parent.name for file in files if file.parent != root})
    if len(folders) < 2 or any(file.parent == root for file in files):
        return IMAGES, rows, None
    for row, file in zip(rows, files, strict=True):
        row["label"] = folders.index(file.parent.name)
    return LABELLED_IMAGES, rows, folders


def _chunks(files: Sequence[Path]) -> list[Row]:
    texts = [file.read_text(encoding="utf-8", errors="replace") for file in files]
    total = sum(len(text.encode()) for text in texts)
    return [{"text": chunk} for text in texts for chunk in text_chunks(text, total_bytes=total)]


def _split(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """A tenth is test, a tenth validation, decided by each row's content alone."""
    keys = [_key(row) for row in rows]
    ranked = sorted(set(keys))
    share = max(1, round(len(ranked) / _PARTS))
    tests = set(ranked[: share if len(ranked) > 2 else 0])
    held = set(ranked[len(tests) : len(tests) + (share if len(ranked) > 1 else 0)])
    splits: dict[str, list[Row]] = {"train": [], "validation": [], "test": []}
    for key, row in zip(keys, rows, strict=True):
        name = "test" if key in tests else "validation" if key in held else "train"
        splits[name].append(row)
    return splits


def _key(row: Row) -> bytes:
    image = row.get("image")
    if isinstance(image, dict):
        return hashlib.sha256(image["bytes"]).digest()
    said = row.get("text", row)
    return hashlib.sha256(json.dumps(said, default=str, sort_keys=True).encode()).digest()
