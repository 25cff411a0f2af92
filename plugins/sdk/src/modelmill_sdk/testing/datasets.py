"""Datasets for tests, in the folder that a plugin's data comes in."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from modelmill_sdk.data import DESCRIPTION_FILE
from modelmill_sdk.errors import PluginError


def dataset_write(
    folder: Path,
    kind: str,
    *,
    train: Sequence[Mapping[str, Any]],
    validation: Sequence[Mapping[str, Any]] = (),
    test: Sequence[Mapping[str, Any]] = (),
    label_names: Sequence[str] | None = None,
) -> Path:
    """Write rows as the folder the platform would hand to a plugin; a PIL image becomes a PNG."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder.mkdir(parents=True, exist_ok=True)
    splits: dict[str, Any] = {}
    for name, rows in (("train", train), ("validation", validation), ("test", test)):
        splits[name] = {"rows": len(rows), "files": []}
        if rows:
            splits[name]["files"] = [f"{name}-00000.parquet"]
            table = pa.Table.from_pylist([{k: _cell(v) for k, v in row.items()} for row in rows])
            pq.write_table(table, folder / f"{name}-00000.parquet")
    described = {
        "kind": kind,
        "label_names": None if label_names is None else list(label_names),
        "splits": splits,
    }
    (folder / DESCRIPTION_FILE).write_text(json.dumps(described), encoding="utf-8")
    return folder


def _cell(value: Any) -> Any:
    if not hasattr(value, "save"):
        return value
    from io import BytesIO

    buffer = BytesIO()
    value.save(buffer, format="PNG")
    if not buffer.tell():
        raise PluginError("The picture could not be written.")
    return {"bytes": buffer.getvalue(), "path": None}
