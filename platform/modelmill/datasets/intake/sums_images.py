"""Statistics of pictures, and the small ones shown on the version's page."""

import heapq
import io
import statistics as numbers
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PIL import Image

from modelmill.datasets.intake.findings import shown
from modelmill.datasets.intake.rows import Row

if TYPE_CHECKING:
    from modelmill.datasets.intake.images import Decoded

THUMBNAILS = 24
THUMBNAIL_PX = 128

_SIZES_SHOWN = 12
_SIDES_KEPT = 4_096


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A small WebP of one picture."""

    content: bytes
    caption: str
    width_px: int
    height_px: int


class ImageSummary:
    """Sizes and formats; and the thumbnails of the rows with the smallest hashes.

    Hashes are as good as chance, so those few rows show the whole and not the
    first folder, and they are the same each time.
    """

    def __init__(self, label_names: list[str] | None) -> None:
        self._label_names = label_names
        self._sizes: Counter[tuple[int, int]] = Counter()
        self._formats: Counter[str] = Counter()
        self._modes: Counter[str] = Counter()
        self._shown: list[tuple[int, Thumbnail]] = []
        self._bytes = 0
        self._rows = 0

    def add(self, row: Row) -> None:
        """Take one picture into account."""
        decoded: Decoded = row.facts
        size = (decoded.width_px, decoded.height_px)
        # A million pictures may have a million sizes; those beyond the first are not told apart.
        if size in self._sizes or len(self._sizes) < _SIDES_KEPT:
            self._sizes[size] += 1
        self._formats[decoded.format] += 1
        self._modes[decoded.mode] += 1
        self._bytes += len(row.values["image"]["bytes"])
        self._rows += 1
        self._offer(row)

    def statistics(self) -> dict[str, Any]:
        """Return sizes and formats."""
        return {
            "sizes": [
                {"width_px": width, "height_px": height, "rows": rows}
                for (width, height), rows in _ranked(self._sizes)[:_SIZES_SHOWN]
            ],
            "different_sizes": len(self._sizes),
            "shortest_side_px": _range(self._sizes),
            "formats": dict(_ranked(self._formats)),
            "modes": dict(_ranked(self._modes)),
            "mean_bytes": self._bytes // max(1, self._rows),
        }

    def preview(self) -> list[dict[str, Any]]:
        """Return nothing: pictures are shown by ``thumbnails``."""
        return []

    def thumbnails(self) -> list[Thumbnail]:
        """Return the small pictures."""
        return [thumbnail for _rank, thumbnail in sorted(self._shown, key=lambda pair: -pair[0])]

    def _offer(self, row: Row) -> None:
        # A heap of negated ranks: its first is the largest hash kept so far.
        rank = -int.from_bytes(row.digest[:8], "big")
        if len(self._shown) < THUMBNAILS:
            heapq.heappush(self._shown, (rank, self._thumbnail(row)))
        elif rank > self._shown[0][0]:
            heapq.heapreplace(self._shown, (rank, self._thumbnail(row)))

    def _thumbnail(self, row: Row) -> Thumbnail:
        with Image.open(io.BytesIO(row.values["image"]["bytes"])) as image:
            image.draft("RGB", (THUMBNAIL_PX, THUMBNAIL_PX))
            small = _plain(image)
        small.thumbnail((THUMBNAIL_PX, THUMBNAIL_PX))
        out = io.BytesIO()
        small.save(out, "WEBP", quality=80, method=4)
        caption = shown(row.file)[-200:]
        if self._label_names is not None:
            caption = self._label_names[row.values["label"]][:200]
        return Thumbnail(out.getvalue(), caption, small.width, small.height)


def _plain(image: Image.Image) -> Image.Image:
    try:
        return image.convert("RGBA" if "A" in image.getbands() else "RGB")
    except ValueError:
        # Sixteen-bit greys have no direct way to colour.
        return image.convert("L").convert("RGB")


def _ranked(counts: Counter[Any]) -> list[tuple[Any, int]]:
    # Counter.most_common breaks ties by arrival, which is no order to rely on.
    return sorted(counts.items(), key=lambda pair: (-pair[1], str(pair[0])))


def _range(sizes: Counter[tuple[int, int]]) -> dict[str, int]:
    sides = sorted((min(size), rows) for size, rows in sizes.items())
    if not sides:
        return {}
    middle = numbers.median_low([side for side, rows in sides for _ in range(min(rows, 1000))])
    return {"min": sides[0][0], "median": middle, "max": sides[-1][0]}
