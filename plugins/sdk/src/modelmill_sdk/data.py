"""The training data: lazily opened splits of one dataset version."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelmill_sdk.errors import PluginError
from modelmill_sdk.manifest import IMAGES, LABELLED_IMAGES

if TYPE_CHECKING:
    from datasets import Dataset

DESCRIPTION_FILE = "dataset.json"

_BATCH_ROWS = 256


class TrainData(Mapping[str, "Dataset"]):
    """The splits ("train", "validation", "test") that have rows, as Hugging Face datasets.

    A split is opened, memory-mapped, when it is first asked for; ``files`` and ``row_count`` serve
    a plugin that would rather read the Parquet shards itself.
    """

    def __init__(self, folder: Path, *, cache_dir: Path) -> None:
        """Read ``folder/dataset.json``; opened splits keep their Arrow files in ``cache_dir``."""
        described = json.loads((folder / DESCRIPTION_FILE).read_text(encoding="utf-8"))
        self.folder = folder
        self.kind: str = described["kind"]
        self.label_names: list[str] | None = described.get("label_names")
        self._cache_dir = cache_dir
        self._splits: dict[str, dict[str, Any]] = {
            name: split for name, split in described["splits"].items() if split.get("rows")
        }
        self._opened: dict[str, Dataset] = {}

    def __getitem__(self, split: str) -> Dataset:
        if split not in self._splits:
            raise KeyError(f"no split {split!r}; there are: {', '.join(self._splits) or 'none'}")
        if split not in self._opened:
            self._opened[split] = self._open(split)
        return self._opened[split]

    def __iter__(self) -> Iterator[str]:
        return iter(self._splits)

    def __len__(self) -> int:
        return len(self._splits)

    def __contains__(self, split: object) -> bool:
        # Mapping's own test would open the split to find out.
        return split in self._splits

    def files(self, split: str) -> list[Path]:
        """Give the Parquet shards of a split, in order; none for a split without rows."""
        names = self._splits.get(split, {}).get("files", [])
        return [self.folder / name for name in names]

    def row_count(self, split: str) -> int:
        """Give the number of rows of a split, 0 if it has none."""
        return int(self._splits.get(split, {}).get("rows", 0))

    def rows(self, split: str) -> Iterator[dict[str, Any]]:
        """Read a split row by row, as plain values, without the datasets library's long import.

        A picture comes as ``{"bytes": …, "path": …}``, a label as its number.
        """
        import pyarrow.parquet as pq

        for path in self.files(split):
            with pq.ParquetFile(path) as file:
                for batch in file.iter_batches(batch_size=_BATCH_ROWS, use_threads=False):
                    yield from batch.to_pylist()

    def _open(self, split: str) -> Dataset:
        import datasets

        datasets.disable_progress_bars()
        opened = datasets.Dataset.from_parquet(
            [str(path) for path in self.files(split)],
            split=split,
            cache_dir=str(self._cache_dir),
        )
        if not isinstance(opened, datasets.Dataset):
            raise PluginError(f"The split {split!r} could not be opened.")
        if self.kind in (IMAGES, LABELLED_IMAGES):
            opened = opened.cast_column("image", datasets.Image())
        if self.label_names and "label" in opened.column_names:
            opened = opened.cast_column("label", datasets.ClassLabel(names=self.label_names))
        return opened
