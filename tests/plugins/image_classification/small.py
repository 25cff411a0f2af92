"""A small upload as a customer would make it, and a training of seconds on it: handwritten digits.

The digits are scikit-learn's, 8x8 pixels, of 43 writers (E. Alpaydin and C. Kaynak, UCI, 1998).
"""

import base64
import io
import zipfile
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

TRAIN: dict[str, Any] = {"resolution": 28, "width": 8, "epochs": 6, "batch_size": 32}
_ROWS = 800


@lru_cache(maxsize=1)
def digits() -> tuple[np.ndarray, np.ndarray]:
    """Give 1,797 digits: ``(N, 8, 8)`` bytes and their numbers ``(N,)``."""
    from sklearn.datasets import load_digits

    loaded = load_digits()
    return (loaded.images * 255 / 16).astype(np.uint8), loaded.target


def digit_png(index: int) -> bytes:
    """Give one digit as a PNG file."""
    buffer = io.BytesIO()
    Image.fromarray(digits()[0][index]).save(buffer, format="PNG")
    return buffer.getvalue()


def digit_text(index: int) -> str:
    """Give one digit as a customer sends it."""
    return base64.b64encode(digit_png(index)).decode()


def dataset_file(folder: Path) -> Path:
    """Write a zip with a folder of PNG files for each digit."""
    path = folder / "digits.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for index, label in enumerate(digits()[1][:_ROWS]):
            archive.writestr(f"digits/{label}/scan{index % 2}_{index:04d}.png", digit_png(index))
    return path


def check(results: list[Any]) -> None:
    """Digits the model has not seen are mostly told, with probabilities that add up."""
    truth = digits()[1][_TOLD]
    right = sum(result["label"] == str(label) for result, label in zip(results, truth, strict=True))
    assert right >= 8, results
    for result in results:
        assert abs(sum(result["probabilities"].values()) - 1) < 1e-3, result
        assert result["probability"] == max(result["probabilities"].values())


_TOLD = slice(1_000, 1_010)
PREDICT: list[dict[str, Any]] = [{"image": digit_text(index)} for index in range(1_000, 1_010)]
