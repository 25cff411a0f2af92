"""How bytes leave by HTTP, the same at every door: a stored file, or what is made as it is sent."""

import re
from collections.abc import Iterable, Iterator
from typing import IO, Any, Final

from django.http import FileResponse, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import content_disposition_header

from modelmill.core.errors import RateLimited
from modelmill.core.models import Blob
from modelmill.core.scope import scoped_tenant_id
from modelmill.core.storage import CHUNK_BYTES, blob_open
from modelmill.core.waiting import Held, Room

# Never as what its sender says it is: a browser would run it on our pages.
BYTES: Final = "application/octet-stream"
CSV: Final = "text/csv; charset=utf-8"
# What no reader is slow enough at to keep a thread for long.
_SHORT_BYTES = 2 * 1024 * 1024
_RANGE = re.compile(r"bytes=(\d{0,19})-(\d{0,19})", re.ASCII)


def blob_response(
    request: HttpRequest, blob: Blob, *, name: str, media_type: str = BYTES
) -> HttpResponseBase:
    """Answer with a blob to be kept as ``name``: whole, or the one range that was asked for.

    A download that broke off goes on by ``Range`` (RFC 9110, section 14); with ``If-Range`` only
    while the bytes are the same. What lies beyond the end is a 416; several ranges give the whole.
    Raises ``RateLimited`` where too many long downloads are under way.
    """
    headers = {**_headers(name), "Accept-Ranges": "bytes", "ETag": f'"{blob.sha256}"'}
    asked = part_asked(request, blob)
    if asked is None:
        headers["Content-Length"] = str(blob.size_bytes)
        stream = blob_open(blob)
        try:
            room = _room(request, size_bytes=blob.size_bytes)
        except RateLimited:
            stream.close()
            raise
        return _Download(
            stream,
            room=room,
            as_attachment=True,
            filename=name,
            content_type=media_type,
            headers=headers,
        )
    if not asked:
        headers["Content-Range"] = f"bytes */{blob.size_bytes}"
        return HttpResponse(status=416, headers=headers, content_type=media_type)
    headers["Content-Range"] = f"bytes {asked[0]}-{asked[-1]}/{blob.size_bytes}"
    headers["Content-Length"] = str(len(asked))
    room, content = _room(request, size_bytes=len(asked)), _part(blob, asked)
    return StreamingHttpResponse(
        Held(content, room) if room else content,
        status=206,
        headers=headers,
        content_type=media_type,
    )


class _Download(FileResponse):
    """A file's answer; the server sends it by itself, and closing it gives the place back."""

    def __init__(self, stream: IO[bytes], *, room: Room | None, **options: Any) -> None:
        super().__init__(stream, **options)
        self._room = room

    def close(self) -> None:
        """Close the file; the server calls it when the reader is gone."""
        try:
            super().close()
        finally:
            if self._room is not None:
                self._room.give_back()


def stream_response(
    request: HttpRequest, content: Iterable[bytes], *, name: str, media_type: str
) -> HttpResponseBase:
    """Answer with bytes as they are made, to be kept as ``name``.

    Raises ``RateLimited`` where too many long downloads are under way.
    """
    if isinstance(content, Iterator) and (room := _room(request)):
        content = Held(content, room)
    return StreamingHttpResponse(content, content_type=media_type, headers=_headers(name))


def part_asked(request: HttpRequest, blob: Blob) -> range | None:
    """Return the places that ``Range`` asks for: None for the whole, empty for none there is."""
    found = _RANGE.fullmatch(request.headers.get("Range", "").replace(" ", ""))
    is_same = request.headers.get("If-Range", f'"{blob.sha256}"') == f'"{blob.sha256}"'
    if found is None or not is_same or found[0] == "bytes=-":
        return None
    size = blob.size_bytes
    if not found[1]:
        return range(max(0, size - int(found[2])), size)
    first = int(found[1])
    last = int(found[2]) if found[2] else max(first, size)
    # A range that ends before it begins is no range, and the whole is the answer.
    return None if last < first else range(first, min(last + 1, size))


def _room(request: HttpRequest, *, size_bytes: int | None = None) -> Room | None:
    """Take a place for a download that may last: a large one, or one of unknown size."""
    is_short = size_bytes is not None and size_bytes <= _SHORT_BYTES
    if is_short or request.method == "HEAD":
        return None
    tenant_id = scoped_tenant_id()
    return Room(tenant_id) if tenant_id else None


def _headers(name: str) -> dict[str, str]:
    return {
        "Content-Disposition": content_disposition_header(True, name) or "attachment",
        "Cache-Control": "private, no-store",
        "X-Content-Type-Options": "nosniff",
    }


def _part(blob: Blob, places: range) -> Iterator[bytes]:
    with blob_open(blob) as stream:
        stream.seek(places.start)
        left = len(places)
        while left and (chunk := stream.read(min(left, CHUNK_BYTES))):
            left -= len(chunk)
            yield chunk
