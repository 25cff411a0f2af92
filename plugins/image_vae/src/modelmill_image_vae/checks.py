"""What is wrong with a dataset, found before any training time is spent."""

import io
from collections.abc import Iterator

from modelmill_sdk import Problem
from modelmill_sdk.data import TrainData
from modelmill_sdk.learning.pictures import UNREADABLE, picture_files
from PIL import Image

from modelmill_image_vae.params import MIN_IMAGES, TrainParams


def too_few(count: int) -> str | None:
    """The sentence that refuses a dataset of `count` pictures, or None where there are enough."""
    if count >= MIN_IMAGES:
        return None
    images = "1 image" if count == 1 else f"{count} images"
    return f"The training part of this dataset has {images}; at least {MIN_IMAGES} are needed."


def dataset_problems(data: TrainData, params: TrainParams) -> Iterator[Problem]:
    """Yield the problems of the training split and of each of its rows, from headers alone."""
    few = too_few(data.row_count("train"))
    if few:
        yield Problem(reason=few, fix="Add more pictures.")
    for row, (encoded, name) in enumerate(picture_files(data)):
        found = _picture_problem(encoded, params.resolution)
        if found:
            reason, fix = found
            yield Problem(file=name or None, row=row, field="image", reason=reason, fix=fix)


def _picture_problem(encoded: bytes, resolution: int) -> tuple[str, str] | None:
    try:
        with Image.open(io.BytesIO(encoded)) as picture:
            width, height = picture.size
    except UNREADABLE:
        return "This file is not a picture that can be read.", "Save it as PNG or JPEG again."
    if min(width, height) * 4 < resolution:
        smaller = "Bring a larger picture, or choose a smaller resolution."
        return f"{width}×{height} pixels are too few for {resolution}×{resolution}.", smaller
    return None
