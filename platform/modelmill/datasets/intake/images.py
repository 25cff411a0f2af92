"""Pictures: each one is decoded whole, hashed, and kept byte for byte as it came."""

import hashlib
import io
import os
import warnings
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import pyarrow as pa
from PIL import Image, ImageFile, UnidentifiedImageError

from modelmill.datasets.intake.findings import Findings, Reason, shown
from modelmill.datasets.intake.limits import Limits
from modelmill.datasets.intake.rows import Crop, Row, digest_of
from modelmill.datasets.intake.sniffing import is_image
from modelmill.datasets.intake.sums_images import ImageSummary

# Formats Pillow opens without handing the file to another program.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")

IMAGE_TYPE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])

# Pillow would warn and raise at limits of its own; ours is lower and checked before decoding.
Image.MAX_IMAGE_PIXELS = None

_BATCH_IMAGES = 64
_BATCH_BYTES = 8 << 20


@dataclass(frozen=True, slots=True)
class Picture:
    """A candidate: encoded bytes, where they came from, and their label if there is one."""

    name: str
    content: bytes
    label: str | None = None
    row: int | None = None
    further: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Decoded:
    """What decoding told."""

    digest: bytes
    width_px: int
    height_px: int
    mode: str
    format: str


def image_crop(
    pictures: Iterable[Picture],
    *,
    label_names: list[str] | None,
    further_columns: Sequence[str] = (),
    limits: Limits,
    findings: Findings,
) -> Crop:
    """Return the crop of a stream of pictures, labelled if there are label names."""
    fields = [("image", IMAGE_TYPE)]
    if label_names is not None:
        fields.append(("label", pa.int64()))
    fields += [(name, pa.string()) for name in further_columns]
    numbers = {name: number for number, name in enumerate(label_names or [])}
    return Crop(
        kind="images" if label_names is None else "labelled_images",
        schema=pa.schema(fields),
        rows=_rows(pictures, numbers, limits=limits, findings=findings),
        summary=ImageSummary(label_names),
        label_names=label_names,
        compression="none",
        further_columns=further_columns,
    )


def image_decode(content: bytes, *, limits: Limits) -> Decoded | Reason:
    """Decode a picture whole; return what it is, or why it cannot be used."""
    if len(content) > limits.image_bytes:
        return Reason.IMAGE_BYTES
    # Some libraries switch this on for the whole process as they are imported; half a picture
    # and a bomb of text would then decode.
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            if image.width * image.height > limits.image_pixels:
                return Reason.IMAGE_PIXELS
            # Image.verify() is no proof that a picture decodes; only decoding is.
            image.load()
            return Decoded(
                digest=hashlib.sha256(content).digest(),
                width_px=image.width,
                height_px=image.height,
                mode=image.mode,
                format=str(image.format),
            )
    except UnidentifiedImageError:
        return Reason.IMAGE_BROKEN if is_image(content) else Reason.NOT_IMAGE
    # Pillow's decoders raise almost anything for a broken file (its own fuzzers' list).
    except (OSError, ValueError, SyntaxError, EOFError, OverflowError, TypeError, KeyError,
            IndexError, AttributeError, ZeroDivisionError, MemoryError, RuntimeError):  # fmt: skip
        return Reason.IMAGE_BROKEN


def _rows(
    pictures: Iterable[Picture],
    numbers: Mapping[str, int],
    *,
    limits: Limits,
    findings: Findings,
) -> Iterator[Row]:
    for picture, decoded in _decoded(pictures, limits=limits):
        if isinstance(decoded, Reason):
            findings.add(decoded, file=picture.name, row=picture.row)
            continue
        values: dict[str, object] = {
            "image": {"bytes": picture.content, "path": shown(picture.name)}
        }
        digest = decoded.digest
        if picture.label is not None:
            values["label"] = numbers[picture.label]
            digest = hashlib.sha256(digest + picture.label.encode()).digest()
        if picture.further:
            values |= picture.further
            digest = hashlib.sha256(digest + digest_of(picture.further)).digest()
        yield Row(
            values=values,
            key=decoded.digest,
            digest=digest,
            size_bytes=len(picture.content) + 100 + _chars(picture.further) * 2,
            file=picture.name,
            number=picture.row,
            facts=decoded,
        )


def _chars(further: Mapping[str, str | None]) -> int:
    return sum(len(text or "") for text in further.values())


def _decoded(
    pictures: Iterable[Picture], *, limits: Limits
) -> Iterator[tuple[Picture, Decoded | Reason]]:
    """Decode on all cores, in order; Pillow lets go of the interpreter while it decodes."""
    threads = min(4, os.cpu_count() or 1)
    waiting: deque[Future[list[tuple[Picture, Decoded | Reason]]]] = deque()

    def work(batch: list[Picture]) -> list[tuple[Picture, Decoded | Reason]]:
        return [(picture, image_decode(picture.content, limits=limits)) for picture in batch]

    with warnings.catch_warnings(), ThreadPoolExecutor(threads) as pool:
        # Broken metadata warns; what matters is whether the pixels decode.
        warnings.simplefilter("ignore")
        for batch in _batches(pictures):
            waiting.append(pool.submit(work, batch))
            if len(waiting) > threads:
                yield from waiting.popleft().result()
        while waiting:
            yield from waiting.popleft().result()


def _batches(pictures: Iterable[Picture]) -> Iterator[list[Picture]]:
    batch: list[Picture] = []
    size_bytes = 0
    for picture in pictures:
        batch.append(picture)
        size_bytes += len(picture.content)
        if len(batch) >= _BATCH_IMAGES or size_bytes >= _BATCH_BYTES:
            yield batch
            batch, size_bytes = [], 0
    if batch:
        yield batch
