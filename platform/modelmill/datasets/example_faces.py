"""Drawn faces for the examples of picture data: each another, the same for the same number."""

import io
import random

from PIL import Image, ImageDraw

_PIXELS = 64
# Drawn so much larger and made smaller, which smooths the edges.
_SCALE = 4
_GROUNDS = ("#dbe7e4", "#f1e3d3", "#e4e0ee", "#dfe9d5", "#f3e8c8", "#d8e3f0")
# With the lips that can be seen on them.
_SKINS = (
    ("#f6d3b3", "#8c2f2f"),
    ("#eab78f", "#8c2f2f"),
    ("#d39a6c", "#82292a"),
    ("#a9714b", "#6b1f20"),
    ("#7d4f35", "#e3a196"),
    ("#5b3826", "#d98d82"),
)
_HAIRS = ("#231f20", "#4a3024", "#7b4a2d", "#b5793f", "#d9b36c", "#9a9a9a", "#9c3f2a")
_CLOTHES = ("#2f6f5e", "#c8553d", "#e0a458", "#3d5a80", "#7a4988", "#588157")
_INK = "#2b2320"


def face_png(number: int, *, is_smiling: bool) -> bytes:
    """Return one face as a PNG of 64×64 pixels in colour."""
    chance = random.Random(f"{number} {is_smiling}")
    picture = Image.new("RGB", (_PIXELS * _SCALE, _PIXELS * _SCALE), chance.choice(_GROUNDS))
    _Face(ImageDraw.Draw(picture), chance).draw(is_smiling=is_smiling)
    out = io.BytesIO()
    picture.reduce(_SCALE).save(out, "PNG")
    return out.getvalue()


class _Face:
    """A pen, and where one face stands; lengths are in pixels of the finished picture."""

    def __init__(self, pen: ImageDraw.ImageDraw, chance: random.Random) -> None:
        self._pen = pen
        self._chance = chance
        self._x, self._y = 32 + chance.uniform(-2, 2), 31 + chance.uniform(-1.5, 1.5)
        self._wide, self._high = chance.uniform(13.5, 16.5), chance.uniform(18, 19.5)
        self._skin, self._lips = chance.choice(_SKINS)
        self._hair = chance.choice(_HAIRS)

    def draw(self, *, is_smiling: bool) -> None:
        """Draw from the back to the front."""
        is_long = self._chance.random() < 0.45
        if is_long:
            self._oval(0, 3, self._wide + 4.5, self._high + 5, self._hair)
        self._oval(0, 36, 24, 14, self._chance.choice(_CLOTHES))
        self._oval(0, 18, 6, 9, self._skin)
        for side in (-1, 1):
            self._oval(side * self._wide, 1, 3, 4, self._skin)
        self._oval(0, -3, self._wide + 2, self._high + 0.5, self._hair)
        self._oval(0, self._chance.uniform(4, 5), self._wide, self._high - 2.5, self._skin)
        self._eyes()
        self._line([(0, 3), (-1.6, 8), (1, 8.4)], width=1)
        self._mouth(is_smiling=is_smiling)

    def _eyes(self) -> None:
        apart, lift = self._chance.uniform(5.2, 6.8), self._chance.uniform(3.4, 4.4)
        has_glasses = self._chance.random() < 0.2
        for side in (-1, 1):
            x = side * apart
            self._oval(x, 1, 2.6, 1.9, "#ffffff")
            self._oval(x, 1, 1.5, 1.7, _INK)
            self._line([(x - 3, 1 - lift), (x, 0.2 - lift), (x + 3, 1 - lift)], width=1.3)
            if has_glasses:
                box = self._box(x, 1, 4.6, 4.2)
                self._pen.ellipse(box, outline=_INK, width=_SCALE)
        if has_glasses:
            self._line([(-apart + 4.6, 1), (apart - 4.6, 1)], width=1)

    def _mouth(self, *, is_smiling: bool) -> None:
        """Draw it so large that it is still a curve in pictures half as large."""
        wide, high = self._chance.uniform(7, 8.5), self._chance.uniform(6, 7.5)
        if is_smiling:
            box, (start, end) = self._box(0, 9, wide, high), (8, 172)
            if self._chance.random() < 0.4:
                self._pen.chord(box, start, end, fill="#ffffff", outline=_INK, width=_SCALE)
        else:
            box, (start, end) = self._box(0, 17.5, wide, high), (197, 343)
        self._pen.arc(box, start, end, fill=self._lips, width=round(2 * _SCALE))

    def _oval(self, x: float, y: float, wide: float, high: float, fill: str) -> None:
        self._pen.ellipse(self._box(x, y, wide, high), fill=fill)

    def _line(self, points: list[tuple[float, float]], *, width: float) -> None:
        placed = [((self._x + x) * _SCALE, (self._y + y) * _SCALE) for x, y in points]
        self._pen.line(placed, fill=_INK, width=round(width * _SCALE), joint="curve")

    def _box(self, x: float, y: float, wide: float, high: float) -> tuple[float, ...]:
        """Return the corners of what lies around ``x, y``, told from the middle of the face."""
        middle_x, middle_y = self._x + x, self._y + y
        corners = (middle_x - wide, middle_y - high, middle_x + wide, middle_y + high)
        return tuple(length * _SCALE for length in corners)
