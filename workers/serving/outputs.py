"""Results stored: pictures in the format that was asked for, files, texts and values."""

from io import BytesIO
from pathlib import Path
from typing import IO, Any

from modelmill.core.models import Blob
from modelmill.core.storage import blob_release, blob_write
from modelmill.inference.models import Prediction
from modelmill_sdk.protocol import Result
from PIL import Image, UnidentifiedImageError

from workers.hosts.opening import file_open
from workers.serving.errors import Refused
from workers.serving.running import Work

# 8,192 on each side. A few bytes of a file can ask for any number, in the memory of the worker.
_MOST_PIXELS = 1 << 26
MEDIA_TYPES = {"png": "image/png", "webp": "image/webp", "jpeg": "image/jpeg"}


def outputs_store(prediction: Prediction, work: Work) -> list[dict[str, Any]]:
    """Store what a prediction made, one output for each input that has one, in order.

    A cancelled one keeps what was ready and what was begun: that is what it is
    charged for. Raises ``Refused`` for pictures that are not of the size asked
    for, and for a plugin that did not give what it said; then nothing is kept.
    """
    places = range(len(prediction.inputs))
    missing = [place for place in places if place not in work.results]
    if missing and not work.is_cancelled:
        raise _broken(f"no result for inputs {missing}")
    stored: list[dict[str, Any]] = []
    try:
        for place in places:
            if place in work.results:
                stored.append(_output(work.results[place], prediction.rendering))
            elif place in work.texts:
                stored.append(_text(work.texts[place], "cancelled"))
    except BaseException:
        outputs_release(stored)
        raise
    return stored


def outputs_release(outputs: list[dict[str, Any]]) -> None:
    """Give back the bytes of outputs that nobody will ever see."""
    for output in outputs:
        if "blob_id" in output:
            blob_release(Blob.objects.get(pk=output["blob_id"]))


def _output(result: Result, rendering: dict[str, Any]) -> dict[str, Any]:
    if result.kind == "text":
        return _text(result.text or "", result.finish_reason)
    if result.kind == "json":
        return {"kind": "json", "value": result.value}
    if result.path is None:
        raise _broken(f"a {result.kind} without a path")
    with _opened(result.path) as stream:
        if result.kind == "image":
            return _image(stream, rendering)
        blob = blob_write(stream, media_type="application/octet-stream")
    return {
        "kind": "file",
        "blob_id": blob.id,
        "media_type": blob.media_type,
        "filename": result.path.name[:200],
        "size_bytes": blob.size_bytes,
    }


def _image(stream: IO[bytes], rendering: dict[str, Any]) -> dict[str, Any]:
    format_name = rendering.get("output_format", "png")
    try:
        with Image.open(stream, formats=["PNG"]) as picture:
            size = f"{picture.width}x{picture.height}"
            if picture.width * picture.height > _MOST_PIXELS:
                raise _broken(f"a picture of {size} pixels; at most {_MOST_PIXELS:,} are decoded")
            picture.load()
            _size_check(size, asked=rendering.get("size", "auto"))
            buffer = BytesIO()
            _save(picture, buffer, format_name, rendering.get("output_compression"))
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError) as error:
        raise _broken(f"a picture that does not decode: {error}") from error
    buffer.seek(0)
    blob = blob_write(buffer, media_type=MEDIA_TYPES[format_name])
    return {
        "kind": "image",
        "blob_id": blob.id,
        "media_type": MEDIA_TYPES[format_name],
        "size": size,
        "size_bytes": blob.size_bytes,
    }


def _size_check(size: str, *, asked: str) -> None:
    if asked not in ("auto", size):
        raise Refused(
            f"This model draws {size} pictures. Leave size out, or ask for {size!r}.",
            code="invalid_value",
            param="size",
        )


def _save(picture: Image.Image, buffer: BytesIO, format_name: str, quality: int | None) -> None:
    if format_name == "png":
        picture.save(buffer, format="PNG", optimize=False)
        return
    if picture.mode not in ("RGB", "L"):
        picture = picture.convert("RGB")
    picture.save(buffer, format=format_name.upper(), quality=90 if quality is None else quality)


def _opened(path: Path) -> IO[bytes]:
    """Open a file that a plugin left, and nothing it may have linked to since it was checked."""
    try:
        return file_open(path)
    except OSError as error:
        raise _broken(f"a file that cannot be read: {error}") from error


def _text(text: str, finish_reason: str) -> dict[str, Any]:
    return {"kind": "text", "text": text, "finish_reason": finish_reason}


def _broken(detail: str) -> Refused:
    return Refused(
        "The model's answer could not be used. The operator was told; nothing was charged.",
        code="plugin_error",
        detail=detail,
    )
