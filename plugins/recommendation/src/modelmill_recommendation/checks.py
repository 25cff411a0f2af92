"""What is wrong with a dataset, found before any training time is spent."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

import pyarrow.parquet as pq
from modelmill_sdk import Problem
from modelmill_sdk.data import TrainData

from modelmill_recommendation.holdout import LEAST_ITEMS
from modelmill_recommendation.interactions import SPLITS, Interactions, interactions_read
from modelmill_recommendation.params import TrainParams

LEAST_USERS = 20
LEAST_DIFFERENT = 5
_MOST_ROW_PROBLEMS = 100


def dataset_problems(data: TrainData, params: TrainParams) -> Iterator[Problem]:
    """Yield rows that cannot be used, then whether too little is left."""
    rows = list(islice(_row_problems(data, params), _MOST_ROW_PROBLEMS))
    yield from rows
    if not rows:
        complaint = too_little(interactions_read(data, min_rating=params.min_rating))
        if complaint:
            yield complaint


def too_little(known: Interactions) -> Problem | None:
    """Say what there is too little of, if anything."""
    askable = int((known.histories.lengths >= LEAST_ITEMS).sum())
    if askable < LEAST_USERS:
        return Problem(
            reason=f"{askable} users met {LEAST_ITEMS} items or more; at least {LEAST_USERS} such "
            "users are needed.",
            fix="Add more interactions, or lower min_rating where it is set.",
        )
    if len(known.items) < LEAST_DIFFERENT:
        return Problem(
            reason=f"There are {len(known.items)} different items; at least {LEAST_DIFFERENT} are "
            "needed.",
            fix="Add interactions with more items.",
        )
    return None


def _row_problems(data: TrainData, params: TrainParams) -> Iterator[Problem]:
    for split in SPLITS:
        first = 0
        for path in data.files(split):
            file = pq.ParquetFile(path)
            names = set(file.schema_arrow.names)
            if params.min_rating is not None and "rating" not in names:
                yield _no_rating()
                return
            for batch in file.iter_batches(batch_size=10_000):
                yield from _batch_problems(batch, split=split, first=first, params=params)
                first += len(batch)


def _batch_problems(
    batch: Any, *, split: str, first: int, params: TrainParams
) -> Iterator[Problem]:
    for field in ("user", "item"):
        for row, name in enumerate(batch.column(field).to_pylist()):
            if name is None or not str(name).strip():
                reason = f"The {field} of this row is empty."
                yield _problem(split, first + row, field, reason, "Fill it in, or drop the row.")
    if "timestamp" in batch.schema.names and batch.column("timestamp").null_count:
        for row, moment in enumerate(batch.column("timestamp").to_pylist()):
            if moment is None:
                reason = "This row has no timestamp, so its place in the history is unknown."
                fix = "Give every row a timestamp, or leave the column out."
                yield _problem(split, first + row, "timestamp", reason, fix)
    if params.min_rating is not None and "rating" in batch.schema.names:
        for row, rating in enumerate(batch.column("rating").to_pylist()):
            if rating is None:
                reason = "This row has no rating, so min_rating cannot judge it."
                fix = "Rate it, drop the row, or leave min_rating out."
                yield _problem(split, first + row, "rating", reason, fix)


def _problem(split: str, row: int, field: str, reason: str, fix: str) -> Problem:
    return Problem(file=split, row=row, field=field, reason=reason, fix=fix)


def _no_rating() -> Problem:
    return Problem(
        field="min_rating",
        reason="min_rating is set, but the data has no column rating.",
        fix="Leave min_rating out, or upload ratings.",
    )
