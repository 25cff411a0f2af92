"""What is wrong with a dataset, found before any training time is spent."""

import io
from collections.abc import Iterator
from itertools import islice

import numpy as np
from modelmill_sdk import Problem
from modelmill_sdk.data import TrainData
from modelmill_sdk.learning.pictures import UNREADABLE, picture_files
from PIL import Image

from modelmill_image_classification.bases import base_open
from modelmill_image_classification.examples import BY_PREFIX, columns_of, labels_read
from modelmill_image_classification.numbers import Numbers
from modelmill_image_classification.params import MIN_IMAGES, MIN_PER_CLASS, TrainParams

# Beyond this ratio the middle square shows less than a third of the picture.
MAX_ASPECT = 3.0
_MIN_SIDE_PX = 4
_MAX_ROW_PROBLEMS = 100


def dataset_problems(data: TrainData, params: TrainParams) -> Iterator[Problem]:
    """Yield what is wrong with the training split and with each of its rows.

    Only headers are read: that every picture decodes was seen when the dataset was made. Raises
    CustomerError for a base model that is not there.
    """
    if params.network == "base":
        base_open(params.base)
    names = data.label_names or []
    refusal = dataset_refusal(len(names), np.bincount(labels_read(data, "train")))
    if refusal is not None:
        yield refusal
    yield from _rare_classes(data, names)
    yield from _groups_missing(data, params.groups)
    yield from islice(_row_problems(data), _MAX_ROW_PROBLEMS)


def dataset_refusal(classes: int, counts: Numbers) -> Problem | None:
    """Say why nothing can be learned at all, or None where something can."""
    if (counts > 0).sum() < 2 or classes < 2:
        return Problem(
            reason="All pictures have the same label.",
            fix="Add pictures of at least one other class, in a folder of its own.",
            field="label",
        )
    count = int(counts.sum())
    if count < MIN_IMAGES:
        return Problem(
            reason=f"This dataset has {count} labelled pictures to learn from; at least "
            f"{MIN_IMAGES} are needed.",
            fix="Add more pictures. Good results begin at about fifty of each class.",
        )
    return None


def picture_sizes(data: TrainData, split: str, *, most: int) -> list[tuple[int, int]]:
    """Give width and height of a split's first pictures, those that are none left out."""
    found = (_size(encoded) for encoded, _ in islice(picture_files(data, split), most))
    return [size for size in found if size is not None]


def _rare_classes(data: TrainData, names: list[str]) -> Iterator[Problem]:
    counts = np.bincount(labels_read(data, "train"), minlength=len(names))
    for name, count in zip(names, counts, strict=False):
        if count < MIN_PER_CLASS:
            yield Problem(
                reason=f"The class {name!r} has {count} pictures to learn from.",
                fix=f"Add some, at least {MIN_PER_CLASS}, or remove the class.",
                field="label",
            )


def _groups_missing(data: TrainData, groups: str) -> Iterator[Problem]:
    columns = columns_of(data, "train")
    if groups and groups != BY_PREFIX and groups not in columns:
        further = [name for name in columns if name not in ("image", "label")]
        named = f"Name one of its columns: {', '.join(further)}."
        yield Problem(
            reason=f"The dataset has no column {groups!r} to report groups by.",
            fix=named
            if further
            else "Upload the pictures as Parquet with that column; or name files like "
            "studio_001.png, and set groups to prefix.",
            field="groups",
        )


def _row_problems(data: TrainData) -> Iterator[Problem]:
    for row, (encoded, name) in enumerate(picture_files(data)):
        found = _picture_problem(_size(encoded))
        if found:
            reason, fix = found
            yield Problem(file=name or None, row=row, field="image", reason=reason, fix=fix)


def _size(encoded: bytes) -> tuple[int, int] | None:
    try:
        with Image.open(io.BytesIO(encoded)) as picture:
            return picture.size
    except UNREADABLE:
        return None


def _picture_problem(size: tuple[int, int] | None) -> tuple[str, str] | None:
    """Reason and remedy for one picture, or None where it will do."""
    if size is None:
        return "This file is not a picture that can be read.", "Save it as PNG or JPEG again."
    width, height = size
    if min(size) < _MIN_SIDE_PX:
        return f"{width}×{height} pixels are too few to see anything.", "Bring a larger picture."
    if max(size) > MAX_ASPECT * min(size):
        return f"{width}×{height} is too far from square.", "Crop it to what it shows."
    return None
