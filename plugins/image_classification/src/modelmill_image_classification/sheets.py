"""Pictures for people: what was answered, and what was taken for what.

Axes: N pictures, H height, W width, C channels, K classes.
"""

from collections.abc import Sequence

import numpy as np
from modelmill_sdk.learning.pictures import Bytes
from PIL import Image, ImageDraw, ImageFont

from modelmill_image_classification.numbers import Numbers

COLUMNS = 8
_TILE = 72
_CAPTION = 14
_RIGHT, _WRONG = (30, 130, 60), (190, 30, 30)
_CELLS_MAX = 40
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


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
    cell, font_px = (64, 20) if shown <= 12 else (34, 13)
    font = ImageFont.load_default(font_px)
    names = [label if len(label) <= 18 else f"{label[:17]}…" for label in labels[:shown]]
    margin = round(max(font.getlength(name) for name in names)) + 16
    side = margin + shown * cell
    sheet = Image.new("RGB", (side, side), "white")
    pen = ImageDraw.Draw(sheet)
    shares = confusion / np.maximum(1, confusion.sum(axis=1, keepdims=True))  # (K, K)
    for row in range(shown):
        top = margin + row * cell
        pen.text((margin - 8, top + cell / 2), names[row], fill="black", font=font, anchor="rm")
        # Upright, so that a name may be longer than its column is wide.
        upright = _written(names[row], font, size=(margin, cell)).rotate(90, expand=True)
        sheet.paste(upright, (margin + row * cell, 0))
        for column in range(shown):
            left, share = margin + column * cell, float(shares[row, column])
            pen.rectangle((left, top, left + cell - 2, top + cell - 2), fill=_shade(share))
            if confusion[row, column]:
                ink = "white" if share > 0.5 else "black"
                middle = (left + cell / 2 - 1, top + cell / 2 - 1)
                pen.text(middle, str(confusion[row, column]), fill=ink, font=font, anchor="mm")
    return sheet


def _written(text: str, font: Font, *, size: tuple[int, int]) -> Image.Image:
    """Write a text on white, from its left edge, in the middle of the height."""
    strip = Image.new("RGB", size, "white")
    ImageDraw.Draw(strip).text((8, size[1] / 2), text, fill="black", font=font, anchor="lm")
    return strip


def _shade(share: float) -> tuple[int, int, int]:
    return (round(245 - 215 * share), round(247 - 160 * share), round(250 - 90 * share))
