"""Labels to learn: which there are, and the one of each picture.

Axes: N pictures, K labels.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as parquet
from modelmill_sdk.data import TrainData

Numbers = npt.NDArray[np.int64]

# With fewer pictures each, labels teach little and cost the variety of the rest.
MIN_IMAGES_A_LABEL = 8


@dataclass(frozen=True)
class Labels:
    """Names `(K,)` with how often each was seen, and the number `(N,)` of each picture's."""

    names: tuple[str, ...]
    counts: tuple[int, ...]
    numbers: Numbers


def labels_read(data: TrainData, *, asked: str, log: Callable[[str], None]) -> Labels | None:
    """Give the labels of the training split, or None where there is nothing to learn from them.

    A label without a picture is left out: nobody could draw it.
    """
    if asked == "off" or not data.label_names:
        return None
    raw = _column(data)
    counts = np.bincount(raw, minlength=len(data.label_names))  # (K,)
    used = np.flatnonzero(counts)
    if len(used) < 2:
        return None
    if len(raw) < MIN_IMAGES_A_LABEL * len(used):
        log(
            f"{len(used)} labels for {len(raw)} pictures are too many to learn: labels are left "
            f"out. From {MIN_IMAGES_A_LABEL} pictures a label on they are learnt."
        )
        return None
    places = np.full(len(counts), -1, dtype=np.int64)
    places[used] = np.arange(len(used))
    return Labels(
        names=tuple(data.label_names[place] for place in used),
        counts=tuple(int(counts[place]) for place in used),
        numbers=places[raw],
    )


def _column(data: TrainData) -> Numbers:
    shards = [parquet.read_table(shard, columns=["label"]) for shard in data.files("train")]
    return np.concatenate([np.asarray(shard["label"], dtype=np.int64) for shard in shards])
