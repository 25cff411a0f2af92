"""Pictures, encoded, through the whole installation, on scanned digits, which a package ships."""

import base64
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image
from sklearn.datasets import load_digits

TRAIN: dict[str, Any] = {
    "resolution": 32,
    "steps": 60,
    "batch_size": 16,
    "latent_size": 16,
    "samples": 2,
    "mirror": False,
}


def digit_png(row: int) -> bytes:
    """One scanned digit as a PNG of 32×32."""
    digit = Image.fromarray((load_digits().images[row] * 15.9).astype("uint8")).resize((32, 32))
    encoded = BytesIO()
    digit.save(encoded, "PNG")
    return encoded.getvalue()


_FIRST = base64.b64encode(digit_png(0)).decode()
PREDICT: list[dict[str, Any]] = [
    {"mode": "sample", "seed": 1},
    {"mode": "reconstruct", "image": f"data:image/png;base64,{_FIRST}"},
    {"mode": "interpolate", "image": _FIRST, "seed_to": 2},
    {"mode": "embed", "image": _FIRST},
]


def dataset_file(folder: Path) -> Path:
    """Write 240 digits as a zip of PNG files."""
    path = folder / "digits.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for row in range(240):
            archive.writestr(f"digit-{row}.png", digit_png(row))
    return path


def check(results: list[Any]) -> None:
    """Three pictures, and sixteen numbers."""
    for path in results[:3]:
        with Image.open(path) as picture:
            assert picture.size == (32, 32)
    assert len(results[3]["embedding"]) == 16
