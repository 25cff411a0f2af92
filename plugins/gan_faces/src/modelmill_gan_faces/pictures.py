"""A dataset's pictures, decoded once into a memory-mapped array of bytes.

Decoding a file each time it is shown would cost many times the arithmetic of a small network;
a shuffled read from the array costs microseconds and no more memory than the batch.

Axes: N pictures, H height, W width, C channels.
"""

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as parquet
from modelmill_sdk import CustomerError
from modelmill_sdk.data import TrainData
from PIL import Image, ImageOps

Bytes = npt.NDArray[np.uint8]

# Mean difference between a picture's channels, of 255, below which nobody sees colour: JPEG
# writes grey pictures with a little chroma noise.
GREY_TOLERANCE = 2.0

# What Pillow raises for bytes that are no picture, or one too large to be meant well.
UNREADABLE = (OSError, ValueError, SyntaxError, Image.DecompressionBombError)


def picture_files(data: TrainData) -> Iterator[tuple[bytes, str]]:
    """Yield the encoded bytes and the file name of each training row, a few at a time.

    Straight from the shards: the file is needed as it is, and opening them as a Hugging Face
    dataset would copy them first.
    """
    for shard in data.files("train"):
        with parquet.ParquetFile(shard) as rows:
            for batch in rows.iter_batches(batch_size=64, columns=["image"]):
                for row in batch.column(0).to_pylist():
                    yield row["bytes"], row["path"] or ""


def picture_open(encoded: bytes, *, resolution: int) -> Image.Image:
    """Open and fully decode one picture as RGB; a JPEG no larger than it has to be.

    Raises one of `UNREADABLE` where the bytes are no picture.
    """
    picture = Image.open(io.BytesIO(encoded))
    picture.draft("RGB", (resolution, resolution))
    upright = ImageOps.exif_transpose(picture)
    if upright.has_transparency_data:
        seen = upright.convert("RGBA")
        paper = Image.new("RGBA", seen.size, "white")
        upright = Image.alpha_composite(paper, seen)
    return upright.convert("RGB")


def picture_fit(picture: Image.Image, *, resolution: int) -> Bytes:
    """Crop the middle square and scale it to `(H, W, 3)`."""
    square = ImageOps.fit(picture, (resolution, resolution), Image.Resampling.LANCZOS)
    return np.asarray(square, dtype=np.uint8)  # (H, W, 3)


def pictures_decode(data: TrainData, *, resolution: int, channels: str, folder: Path) -> Bytes:
    """Decode every row into one array `(N, H, W, C)` mapped from a file in `folder`.

    `channels` is "grey", "colour", or "auto", which is grey when every picture is.

    Raises CustomerError for a row that is no picture.
    """
    colour = _mapped(folder, resolution, count=data.row_count("train"), channels=3)
    seen_colour = False
    for index, (encoded, name) in enumerate(picture_files(data)):
        try:
            picture = picture_fit(
                picture_open(encoded, resolution=resolution), resolution=resolution
            )
        except UNREADABLE as error:
            raise CustomerError(
                f"{name or f'Row {index}'} is no picture that can be read."
            ) from error
        colour[index] = picture
        seen_colour = seen_colour or not _is_grey(picture)
    if channels == "colour" or (channels == "auto" and seen_colour):
        return colour  # (N, H, W, 3)
    grey = _mapped(folder, resolution, count=len(colour), channels=1)
    for index, picture in enumerate(colour):
        grey[index, :, :, 0] = np.asarray(Image.fromarray(picture).convert("L"))
    return grey  # (N, H, W, 1)


def _mapped(folder: Path, resolution: int, *, count: int, channels: int) -> Bytes:
    """A new array `(N, H, W, C)` in a file of its own."""
    return np.lib.format.open_memmap(
        folder / f"pictures-{channels}.npy",
        mode="w+",
        dtype=np.uint8,
        shape=(count, resolution, resolution, channels),
    )


def _is_grey(picture: Bytes) -> bool:
    values = picture.astype(np.int16)
    return float(np.ptp(values, axis=2).mean()) < GREY_TOLERANCE
