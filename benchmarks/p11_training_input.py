"""P11: where a training's pictures come from: four ways to read the same shuffled batches.

Digits of 28x28 as PNG files in Parquet shards, shuffled, half of them mirrored, as bytes ``(B, 28,
28)``. The peers decode each picture every time it is shown; ours decodes once, into a memory-mapped
array. Every way has to show the same pictures. Rates are of CPU seconds, which neighbours on the
same cores disturb less than the clock.
"""

import io
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as parquet
from modelmill_sdk.data import TrainData
from modelmill_sdk.learning.batches import PictureBatches
from modelmill_sdk.learning.pictures import pictures_decode
from modelmill_sdk.testing import dataset_write
from PIL import Image

from benchmarks.digits import digits
from benchmarks.rounds import rounds_run

BATCH = 256
SPAN_S = 1.0
_SEED = 0

Batch = Callable[[int], Any]


def main(*, small: bool = False) -> None:
    """Print the pace of each way, one thread; fail where a way shows other pictures."""
    count, span_s = (512, 0.05) if small else (10_000, SPAN_S)
    pixels, labels = digits(seed=_SEED)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = _write(folder, pixels[:count], labels[:count])
        began_s = time.process_time()
        decoded = pictures_decode(data, size=28, folder=folder / "memmap")
        once_s = time.process_time() - began_s
        print(
            f"{count} pictures of 28x28; decoding all of them once: {count / once_s:,.0f} a second"
        )
        ours = PictureBatches(decoded, batch_size=BATCH, seed=_SEED, mirror=True)
        ways: dict[str, Batch] = {
            "files + Pillow": partial(_from_files, folder / "files", ours),
            "Hugging Face datasets, item by item": partial(_from_items, data["train"], ours),
            "Parquet by row group, Pillow": partial(_from_groups, data.files("train")[0], ours),
            "ours: decoded memory map": ours.bytes,
        }
        expected = ours.bytes(3)
        for way in ways.values():
            assert np.array_equal(way(3).reshape(expected.shape), expected)
        rounds_run(
            {name: partial(_rate, way, span_s) for name, way in ways.items()},
            rounds=1 if small else 5,
            unit="pictures per CPU second",
        )


def _rate(way: Batch, span_s: float) -> float:
    began_s, index = time.process_time(), 0
    while (passed_s := time.process_time() - began_s) < span_s:
        way(index)
        index += 1
    return index * BATCH / passed_s


def _from_files(folder: Path, ours: PictureBatches, index: int) -> Any:
    paths = [folder / f"{row}.png" for row in ours.order.rows(index)]
    return _mirrored(np.stack([_decoded(path.read_bytes()) for path in paths]), index)


def _from_items(rows: Any, ours: PictureBatches, index: int) -> Any:
    items = [np.asarray(rows[int(row)]["image"]) for row in ours.order.rows(index)]
    return _mirrored(np.stack(items), index)


def _from_groups(path: Path, ours: PictureBatches, index: int) -> Any:
    """Read each wanted row with its row group, as a shuffled reading of Parquet has to."""
    with parquet.ParquetFile(path) as file:
        size, found = file.metadata.row_group(0).num_rows, []
        for row in ours.order.rows(index):
            group, within = divmod(int(row), size)
            cell = file.read_row_group(group, columns=["image"])["image"][within].as_py()
            found.append(_decoded(cell["bytes"]))
    return _mirrored(np.stack(found), index)


def _decoded(encoded: bytes) -> Any:
    return np.asarray(Image.open(io.BytesIO(encoded)))


def _mirrored(pixels: Any, index: int) -> Any:
    coins = np.random.default_rng((_SEED, 1, index)).random(len(pixels)) < 0.5
    pixels[coins] = pixels[coins, :, ::-1]
    return pixels


def _write(folder: Path, pixels: Any, labels: Any) -> TrainData:
    """Write the pictures as a dataset in groups of a thousand rows, and as one file each."""
    pictures = [Image.fromarray(one) for one in pixels]
    rows = [
        {"image": one, "label": int(label)} for one, label in zip(pictures, labels, strict=True)
    ]
    names = [str(number) for number in range(10)]
    written = dataset_write(folder / "data", "labelled_images", train=rows, label_names=names)
    shard = written / "train-00000.parquet"
    parquet.write_table(parquet.read_table(shard), shard, row_group_size=1_000)
    (folder / "files").mkdir()
    for number, one in enumerate(pictures):
        one.save(folder / "files" / f"{number}.png")
    return TrainData(written, cache_dir=folder / "arrow")


if __name__ == "__main__":
    main()
