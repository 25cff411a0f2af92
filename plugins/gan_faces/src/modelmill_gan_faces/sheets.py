"""Several pictures laid out as one."""

from collections.abc import Sequence

from PIL import Image

COLUMNS = 8
GAP = 2


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
