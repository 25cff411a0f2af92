"""Drawn faces to learn from, and a training that takes a second."""

from pathlib import Path
from typing import Any

from modelmill_sdk.testing import dataset_write
from PIL import Image, ImageDraw

TINY: dict[str, Any] = {
    "resolution": 32,
    "steps": 6,
    "batch_size": 8,
    "size": "small",
    "samples": 2,
}


def draw_face(
    seed: int, *, mode: str = "RGB", size: int = 32, shade: int | None = None
) -> Image.Image:
    """Draw a round face whose place, shade and mouth depend on the seed."""
    picture = Image.new(mode, (size, size), "white")
    pen = ImageDraw.Draw(picture)
    if shade is None:
        shade = 90 + seed * 37 % 120
    skin: Any = shade if mode == "L" else (shade + 40, shade, 255 - shade)
    left, top = 3 + seed % 4, 2 + seed // 4 % 4
    pen.ellipse((left, top, left + size - 10, top + size - 8), fill=skin)
    for eye in (left + 6, left + 14):
        pen.ellipse((eye, top + 8, eye + 3, top + 11), fill="black")
    pen.line((left + 6, top + 18, left + 16, top + 17 + seed % 3), fill="black", width=2)
    return picture


def write_faces(
    folder: Path, *, count: int = 120, mode: str = "RGB", size: int = 32, held_out: int = 0
) -> Path:
    """Write a dataset of drawn faces as a plugin would be handed it."""
    rows = [{"image": draw_face(seed, mode=mode, size=size)} for seed in range(count + held_out)]
    return dataset_write(folder, "images", train=rows[:count], test=rows[count:])
