"""Pictures for people: what was answered, and what was taken for what.

Axes: N pictures, H height, W width, C channels, K classes.
"""

from collections.abc import Sequence

import numpy as np
from modelmill_sdk.learning.pictures import Bytes
from PIL import Image, ImageDraw

from modelmill_image_classification.numbers import Numbers

COLUMNS = 8
_TILE = 72
_CAPTION = 14
_RIGHT, _WRONG = (30, 130, 60), (190, 30, 30)
_CELLS_MAX = 40
_MARGIN = 110


def answers_sheet(pixels: Bytes, *, truth: Sequence[str], answers: Sequence[str]) -> Image.Image:
    """Lay pictures ``(N, H, W, C)`` out with their answers, the wrong ones in red."""
    rows = -(-len(pixels) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * _TILE, rows * (_TILE + _CAPTION)), "white")
    pen = ImageDraw.Draw(sheet)
    for number, picture in enumerate(pixels):
        row, column = divmod(number, COLUMNS)
        left, top = column * _TILE, row * (_TILE + _CAPTION)
        flat = picture[:, :, 0] if picture.shape[2] == 1 else picture
        tile = Image.fromarray(flat).convert("RGB").resize((_TILE - 4, _TILE - 4))
        is_right = truth[number] == answers[number]
        said = answers[number] if is_right else f"{answers[number]} ({truth[number]})"
        sheet.paste(tile, (left + 2, top + 2))
        pen.text((left + 2, top + _TILE - 2), said[:11], fill=_RIGHT if is_right else _WRONG)
    return sheet


def confusion_sheet(confusion: Numbers, labels: Sequence[str]) -> Image.Image:
    """Draw the first classes' confusion: true classes down, answers across, darker is more."""
    shown = min(len(labels), _CELLS_MAX)
    cell = 40 if shown <= 12 else 22
    side = _MARGIN + shown * cell
    sheet = Image.new("RGB", (side, side), "white")
    pen = ImageDraw.Draw(sheet)
    shares = confusion / np.maximum(1, confusion.sum(axis=1, keepdims=True))  # (K, K)
    for row in range(shown):
        top = _MARGIN + row * cell
        pen.text((4, top + cell // 3), labels[row][:16], fill="black")
        pen.text((_MARGIN + row * cell + 4, _MARGIN - 16), labels[row][: cell // 7], fill="black")
        for column in range(shown):
            left, share = _MARGIN + column * cell, float(shares[row, column])
            pen.rectangle((left, top, left + cell - 2, top + cell - 2), fill=_shade(share))
            if confusion[row, column]:
                ink = "white" if share > 0.5 else "black"
                pen.text((left + 3, top + cell // 3), str(confusion[row, column]), fill=ink)
    return sheet


def _shade(share: float) -> tuple[int, int, int]:
    return (round(245 - 215 * share), round(247 - 160 * share), round(250 - 90 * share))
