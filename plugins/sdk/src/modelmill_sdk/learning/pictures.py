"""A dataset's pictures, decoded once into a memory-mapped array of bytes.

Decoding a file each time it is shown would cost many times the arithmetic of a small network; a
shuffled read from the array costs microseconds and no more memory than the batch.

Axes: N pictures, H height, W width, C channels.
"""

import io
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as parquet
from PIL import Image, ImageOps

from modelmill_sdk.data import TrainData
from modelmill_sdk.errors import CustomerError

Bytes = npt.NDArray[np.uint8]
Channels = Literal["auto", "grey", "colour"]

# Mean difference between a picture's channels, of 255, below which nobody sees colour: JPEG
# writes grey pictures with a little chroma noise.
GREY_TOLERANCE = 2.0

# What Pillow raises for bytes that are no picture, or one too large to be meant well.
UNREADABLE = (OSError, ValueError, SyntaxError, Image.DecompressionBombError)

_ROWS_AT_ONCE = 64


def picture_files(data: TrainData, split: str = "train") -> Iterator[tuple[bytes, str]]:
    """Yield the encoded bytes and the file name of each row of a split, a few at a time.

    Straight from the shards: the file is needed as it is, and opening them as a Hugging Face
    dataset would copy them first.
    """
    for batch in _picture_batches(data, split):
        yield from batch


def picture_open(encoded: bytes, *, size: int) -> Image.Image:
    """Open and fully decode one picture as RGB, upright, on white; a JPEG no larger than need be.

    ``size`` is the side in pixels that it will be scaled to. Raises one of ``UNREADABLE`` where
    the bytes are no picture.
    """
    return _upright(encoded, size=size).convert("RGB")


def _upright(encoded: bytes, *, size: int) -> Image.Image:
    """Decode one picture, upright and on white; one that was saved as grey stays so (mode L)."""
    picture = Image.open(io.BytesIO(encoded))
    picture.draft("RGB", (size, size))
    # In place, or a picture that stands upright already would be copied.
    ImageOps.exif_transpose(picture, in_place=True)
    upright: Image.Image = picture
    if upright.has_transparency_data:
        seen = upright.convert("RGBA")
        paper = Image.new("RGBA", seen.size, "white")
        upright = Image.alpha_composite(paper, seen)
    # To be loaded here: what is no picture has to be found out now.
    upright.load()
    return upright if upright.mode == "L" else upright.convert("RGB")


def picture_fit(picture: Image.Image, *, size: int) -> Bytes:
    """Crop the middle square and scale it to ``(H, W, 3)``, both of ``size`` pixels.

    A grey picture (mode L) becomes ``(H, W)``.
    """
    fits = picture.size == (size, size)
    square = picture if fits else ImageOps.fit(picture, (size, size), Image.Resampling.LANCZOS)
    return np.asarray(square, dtype=np.uint8)  # (H, W, 3)


def pictures_decode(
    data: TrainData,
    split: str = "train",
    *,
    size: int,
    folder: Path,
    channels: Channels = "auto",
    threads: int = 1,
) -> Bytes:
    """Decode every row of a split into one array ``(N, H, W, C)``, mapped from a file.

    ``channels`` is "grey", "colour", or "auto", which is grey when every picture is. A second call
    decodes again. Raises CustomerError for a row that is no picture.
    """
    shape = (data.row_count(split), size, size)
    sink = _Sink(folder, split, shape=shape, channels=channels)
    with ThreadPoolExecutor(max(1, threads)) as pool:
        # Handing a row to a thread costs as much as decoding a small picture.
        each: Callable[..., Iterator[Bytes]] = pool.map if threads > 1 else map
        index = 0
        for batch in _picture_batches(data, split):
            rows = enumerate(batch, start=index)
            for picture in each(lambda row: _decoded(*row, size=size), list(rows)):
                sink.put(index, picture)
                index += 1
    return sink.finish()


class _Sink:
    """Where decoded pictures go: one channel each until the first that has three.

    Most datasets are of one kind, so most are written once, and a grey one in a third of the bytes.
    """

    def __init__(
        self, folder: Path, split: str, *, shape: tuple[int, int, int], channels: Channels
    ) -> None:
        self._folder, self._split, self._shape = folder, split, shape
        self._channels = channels
        self._is_coloured = channels == "colour"
        self._pixels = self._made("colour" if self._is_coloured else "grey")

    def put(self, index: int, picture: Bytes) -> None:
        """Keep row ``index``, ``(H, W)`` or ``(H, W, 3)``; rows come in order."""
        if picture.ndim == 2:
            self._pixels[index] = picture[:, :, None]
            return
        if self._channels == "grey":
            self._pixels[index, :, :, 0] = _grey(picture)
            return
        self._is_coloured = self._is_coloured or not is_grey(picture)
        if self._pixels.shape[3] == 1:
            grey, self._pixels = self._pixels, self._made("colour")
            self._pixels[:index] = grey[:index]
        self._pixels[index] = picture

    def finish(self) -> Bytes:
        """Give all rows, ``(N, H, W, C)``, and leave no other file than theirs."""
        if self._pixels.shape[3] == 3 and not self._is_coloured:
            coloured, self._pixels = self._pixels, self._made("grey")
            for index, picture in enumerate(coloured):
                self._pixels[index, :, :, 0] = _grey(picture)
        other = "grey" if self._pixels.shape[3] == 3 else "colour"
        _path(self._folder, f"{self._split}-{other}").unlink(missing_ok=True)
        return self._pixels

    def _made(self, kind: str) -> Bytes:
        shape = (*self._shape, 3 if kind == "colour" else 1)
        return _mapped(self._folder, f"{self._split}-{kind}", shape)


def pictures_decoded(folder: Path, split: str = "train") -> Bytes | None:
    """Give what ``pictures_decode`` left in a folder, without decoding again; None if nothing."""
    for name in (f"{split}-grey", f"{split}-colour"):
        if _path(folder, name).is_file():
            pictures: Bytes = np.load(_path(folder, name), mmap_mode="r")
            return pictures  # (N, H, W, C)
    return None


def is_grey(picture: Bytes) -> bool:
    """Say whether nobody would see colour in a picture ``(H, W, 3)``."""
    values = picture.astype(np.int16)
    return float(np.ptp(values, axis=2).mean()) < GREY_TOLERANCE


def _grey(picture: Bytes) -> Bytes:
    """One channel, ``(H, W)``, of a picture ``(H, W, 3)``."""
    return np.asarray(Image.fromarray(picture).convert("L"))


def _decoded(index: int, row: tuple[bytes, str], *, size: int) -> Bytes:
    encoded, name = row
    try:
        return picture_fit(_upright(encoded, size=size), size=size)
    except UNREADABLE as error:
        raise CustomerError(
            f"{name or f'Row {index}'} is no picture that can be read. Remove it, or save it "
            "again as PNG or JPEG."
        ) from error


def _picture_batches(data: TrainData, split: str) -> Iterator[list[tuple[bytes, str]]]:
    for shard in data.files(split):
        with parquet.ParquetFile(shard) as rows:
            for batch in rows.iter_batches(batch_size=_ROWS_AT_ONCE, columns=["image"]):
                cells = batch.column(0).to_pylist()
                yield [(cell["bytes"], cell["path"] or "") for cell in cells]


def _mapped(folder: Path, name: str, shape: tuple[int, ...]) -> Bytes:
    """Make an array in a file of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    path = _path(folder, name)
    return np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)


def _path(folder: Path, name: str) -> Path:
    return folder / f"pictures-{name}.npy"
