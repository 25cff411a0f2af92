"""Stored bytes: written as a stream, hashed on the way, kept once per tenant and content."""

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import IO, BinaryIO

from django.core.files.base import File
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from modelmill.core.halting import halt_check
from modelmill.core.killpoints import killpoint
from modelmill.core.models import Blob, blob_id
from modelmill.core.scope import current_tenant_id
from modelmill.core.scratch import scratch_folder

CHUNK_BYTES = 1 << 20


class BlobDamaged(Exception):
    """Stored bytes are gone, or are not those that were stored."""


class _Moved(File):  # type: ignore[type-arg]
    """A finished temporary file that a local storage may move instead of copy."""

    def temporary_file_path(self) -> str:
        return str(self.name)


def blob_write(source: BinaryIO | Path | Iterable[bytes], *, media_type: str = "") -> Blob:
    """Store bytes for the tenant in scope and return their row, holding one reference.

    ``source`` is a file opened for reading bytes, a path, or chunks; it is read
    once and never whole in memory. The same bytes again cost no storage: the
    row that exists gains a reference.
    """
    with scratch_folder("blob") as folder:
        path = folder / "content"
        digest, size_bytes = _copy_hashed(_chunks(source), path)
        held = _blob_hold(digest)
        if held is not None:
            return held
        return _blob_create(path, digest=digest, size_bytes=size_bytes, media_type=media_type)


def blob_hold(blob: Blob) -> Blob:
    """Add a reference to a row's bytes, for one more row that points at them."""
    Blob.objects.filter(pk=blob.pk).update(refs=F("refs") + 1, held_at=Now())
    return blob


def blob_open(blob: Blob) -> IO[bytes]:
    """Open the bytes for reading; the caller closes."""
    stream: IO[bytes] = default_storage.open(blob.path, "rb")
    return stream


def blob_fetch(blob: Blob, path: Path) -> Path:
    """Copy the bytes to a local path, making its folders; return the path.

    Raises ``BlobDamaged`` when they are not the bytes that were stored.
    """
    # Before a folder is made, too: whoever left may have cleared it away.
    halt_check()
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with blob_open(blob) as source:
            digest, _size_bytes = _copy_hashed(_chunks(source), path)
    except FileNotFoundError as error:
        raise BlobDamaged(f"The bytes of {blob.id} are gone.") from error
    if digest != blob.sha256:
        raise BlobDamaged(f"The bytes of {blob.id} are not those that were stored.")
    return path


def blob_release(blob: Blob) -> None:
    """Give back one reference; the last one deletes the bytes once the caller commits."""
    with transaction.atomic():
        Blob.objects.filter(pk=blob.pk).update(refs=F("refs") - 1)
        if Blob.objects.filter(pk=blob.pk, refs__lte=0).delete()[0]:
            path = blob.path
            transaction.on_commit(lambda: default_storage.delete(path), robust=True)


def _blob_hold(digest: str) -> Blob | None:
    with transaction.atomic():
        rows = Blob.objects.filter(sha256=digest)
        if rows.update(refs=F("refs") + 1, held_at=Now()) == 0:
            return None
        return rows.get()


def _blob_create(path: Path, *, digest: str, size_bytes: int, media_type: str) -> Blob:
    tenant_id = current_tenant_id()
    row_id = blob_id()
    killpoint("blob.before_save")
    # The path carries the row's id, not the hash: bytes being deleted for
    # the last reference can then never be those of a new row.
    name = f"tenants/{tenant_id}/blobs/{row_id[-2:]}/{row_id}"
    try:
        with path.open("rb") as stream:
            stored = default_storage.save(name, _Moved(stream, name=str(path)))
        _sync(stored)
    except OSError:
        # On a full disk a part of it may lie there.
        default_storage.delete(name)
        raise
    killpoint("blob.after_save")
    row, is_new = Blob.objects.get_or_create(
        sha256=digest,
        tenant_id=tenant_id,
        defaults={
            "id": row_id,
            "size_bytes": size_bytes,
            "media_type": media_type,
            "path": stored,
        },
    )
    if not is_new:
        default_storage.delete(stored)
        Blob.objects.filter(pk=row.pk).update(refs=F("refs") + 1, held_at=Now())
    return row


def _sync(name: str) -> None:
    """Have the disk hold the bytes before a row says so; other storages do so by themselves."""
    try:
        path = Path(default_storage.path(name))
    except NotImplementedError:
        return
    for place in (path, path.parent):
        fd = os.open(place, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def _chunks(source: BinaryIO | Path | Iterable[bytes]) -> Iterable[bytes]:
    if isinstance(source, Path):
        with source.open("rb") as stream:
            yield from iter(lambda: stream.read(CHUNK_BYTES), b"")
    elif hasattr(source, "read"):
        yield from iter(lambda: source.read(CHUNK_BYTES), b"")
    else:
        yield from source


def _copy_hashed(chunks: Iterable[bytes], path: Path) -> tuple[str, int]:
    digest = hashlib.sha256()
    size_bytes = 0
    with path.open("wb") as target:
        for chunk in chunks:
            digest.update(chunk)
            size_bytes += len(chunk)
            target.write(chunk)
            killpoint("blob.mid_write")
            halt_check()
    return digest.hexdigest(), size_bytes
