"""Digits to learn from, and one short training that many tests look at."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from modelmill_image_classification.plugin import ImageClassification
from modelmill_sdk.testing import Recorder, dataset_write, train_once
from PIL import Image

from tests.plugins.image_classification.small import TRAIN, digit_png, digits

TINY: dict[str, Any] = {"resolution": 28, "width": 8, "epochs": 2, "batch_size": 16}


def digit_rows(first: int, end: int) -> list[dict[str, Any]]:
    return [
        {
            "image": {"bytes": digit_png(index), "path": f"scan{index % 2}_{index}.png"},
            "label": int(digits()[1][index]),
        }
        for index in range(first, end)
    ]


def digits_write(folder: Path, *, train: int = 160, validation: int = 40, test: int = 60) -> Path:
    split = [train, train + validation, train + validation + test]
    return dataset_write(
        folder,
        "labelled_images",
        train=digit_rows(0, split[0]),
        validation=digit_rows(split[0], split[1]),
        test=digit_rows(split[1], split[2]),
        label_names=[str(number) for number in range(10)],
    )


def blob(kind: int, seed: int, *, side: int = 40) -> Image.Image:
    """Draw a red disc (0) or a blue square (1) at a random place: colour, and nothing to mirror."""
    random = np.random.default_rng(seed)
    pixels = random.integers(90, 160, (side, side, 3), dtype=np.uint8)
    left, top = random.integers(4, side - 16, 2)
    y, x = np.mgrid[:side, :side]
    inside = (
        (x - left - 6) ** 2 + (y - top - 6) ** 2 < 36
        if kind == 0
        else (abs(x - left - 6) < 6) & (abs(y - top - 6) < 6)
    )
    pixels[inside] = (220, 40, 40) if kind == 0 else (40, 40, 220)
    return Image.fromarray(pixels)


def blob_png(kind: int, seed: int) -> bytes:
    buffer = io.BytesIO()
    blob(kind, seed).save(buffer, format="PNG")
    return buffer.getvalue()


def blobs_write(folder: Path, *, counts: tuple[int, int] = (40, 40), **columns: Any) -> Path:
    kinds = [0] * counts[0] + [1] * counts[1]
    rows = [
        {"image": blob(kind, seed), "label": kind, **{k: v(seed) for k, v in columns.items()}}
        for seed, kind in enumerate(kinds)
    ]
    return dataset_write(
        folder,
        "labelled_images",
        train=rows,
        validation=rows[::4],
        test=rows[1::4],
        label_names=["disc", "square"],
    )


@pytest.fixture(scope="session")
def some_digits(tmp_path_factory) -> Path:
    return digits_write(tmp_path_factory.mktemp("digits") / "data")


@pytest.fixture(scope="session")
def many_digits(tmp_path_factory) -> Path:
    return digits_write(tmp_path_factory.mktemp("many") / "data", train=800, validation=200)


@pytest.fixture(scope="session")
def trained(many_digits, tmp_path_factory) -> tuple[Path, dict, Recorder]:
    """A model that knows digits: its folder, its metrics and what it said while it learned."""
    recorder, params = Recorder(), {**TRAIN, "groups": "prefix"}
    work = tmp_path_factory.mktemp("trained")
    folder, metrics = train_once(
        ImageClassification, many_digits, params, work, seed=3, recorder=recorder
    )
    return folder, metrics, recorder


@pytest.fixture(scope="session")
def colourful(tmp_path_factory) -> Path:
    return blobs_write(tmp_path_factory.mktemp("blobs") / "data")
