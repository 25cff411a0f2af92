"""Tensors as pictures to look at, and several pictures laid out as one.

Axes: C channels, H height, W width.
"""

from collections.abc import Sequence

from PIL import Image
from torch import Tensor

COLUMNS = 8
GAP = 2


def image_of(picture: Tensor) -> Image.Image:
    """Convert ``(C, H, W)`` in [-1, 1] to a PIL image, grey for one channel."""
    pixels = ((picture.float() + 1) * 127.5).round().clamp(0, 255).byte()  # (C, H, W)
    array = pixels.permute(1, 2, 0).cpu().numpy()  # (H, W, C)
    return Image.fromarray(array[:, :, 0] if array.shape[2] == 1 else array)


def sheet(pictures: Sequence[Image.Image], *, columns: int = COLUMNS) -> Image.Image:
    """Lay pictures of one size out in rows on white."""
    side = pictures[0].width + GAP
    columns = min(columns, len(pictures))
    rows = -(-len(pictures) // columns)
    size = (columns * side - GAP, rows * side - GAP)
    laid = Image.new(pictures[0].mode, size, "white")
    for index, picture in enumerate(pictures):
        row, column = divmod(index, columns)
        laid.paste(picture, (column * side, row * side))
    return laid
