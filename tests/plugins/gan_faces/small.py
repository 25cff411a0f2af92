"""Faces through the whole installation, on scanned digits, which a package ships."""

import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image
from sklearn.datasets import load_digits

TRAIN: dict[str, Any] = {
    "resolution": 32,
    "steps": 30,
    "batch_size": 8,
    "size": "small",
    "samples": 2,
}
PREDICT: list[dict[str, Any]] = [
    {"seed": 1, "label": "three"},
    {"seed": 1, "seed_to": 2, "label": "seven"},
    {"seed": 1, "seed_to": 2, "frames": 4},
]
NAMES = {3: "three", 7: "seven"}


def dataset_file(folder: Path) -> Path:
    """Write 240 threes and sevens, each in a folder of its name, as a zip."""
    digits = load_digits()
    chosen = [row for row in range(len(digits.target)) if digits.target[row] in NAMES][:240]
    path = folder / "digits.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for row in chosen:
            picture = Image.fromarray((digits.images[row] * 15.9).astype("uint8")).resize((32, 32))
            encoded = BytesIO()
            picture.save(encoded, "PNG")
            archive.writestr(f"{NAMES[digits.target[row]]}/{row}.png", encoded.getvalue())
    return path


def check(results: list[Any]) -> None:
    """Two pictures of the size asked for, and four laid out as one."""
    sizes = []
    for path in results:
        with Image.open(path) as picture:
            sizes.append(picture.size)
    assert sizes == [(32, 32), (32, 32), (4 * 34 - 2, 32)], sizes
