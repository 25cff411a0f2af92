"""Files come in: checked for size and quota, stored as a stream, and made a dataset if meant so."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from django.conf import settings
from django.db import transaction
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _

from modelmill.core.errors import InvalidRequest, PayloadTooLarge, QuotaExceeded
from modelmill.core.models import Blob
from modelmill.core.storage import CHUNK_BYTES, blob_release, blob_write
from modelmill.datasets.models import File
from modelmill.datasets.models.file import DATASET_PURPOSES, INPUT_PURPOSES
from modelmill.datasets.selectors import access_dataset, storage_used_bytes
from modelmill.datasets.services.versions import dataset_create, version_create
from modelmill.tenants.callers import Caller
from modelmill.tenants.services import audit_record

Source = BinaryIO | Path | Iterable[bytes]

FILENAME_MAX = 255


def file_create(
    upload: Source,
    *,
    filename: str,
    purpose: str,
    caller: Caller,
    media_type: str = "",
    expires_at: datetime | None = None,
    dataset_id: str | None = None,
) -> File:
    """Store a file for the tenant in scope; ``upload`` is read once, in chunks.

    A file of purpose ``fine-tune`` or ``dataset`` becomes version 1 of a new
    dataset, or the next version of ``dataset_id``, and a worker is told to
    check it, all in one transaction. The same bytes twice make two files that
    share one storage. Raises ``InvalidRequest``, ``PayloadTooLarge`` or
    ``QuotaExceeded``, and then keeps nothing.
    """
    purpose_check(purpose, dataset_id=dataset_id)
    name = filename_clean(filename)
    room_bytes = file_refuse_early(0)
    blob = blob_write(_limited(upload, room_bytes=room_bytes), media_type=media_type[:100])
    try:
        if blob.size_bytes == 0:
            raise InvalidRequest(_("The file is empty."), code="empty_file", param="file")
        return file_add(
            blob,
            filename=name,
            purpose=purpose,
            caller=caller,
            media_type=media_type,
            expires_at=expires_at,
            dataset_id=dataset_id,
        )
    except BaseException:
        blob_release(blob)
        raise


def file_add(
    blob: Blob,
    *,
    filename: str,
    purpose: str,
    caller: Caller,
    media_type: str = "",
    expires_at: datetime | None = None,
    dataset_id: str | None = None,
) -> File:
    """Make a file of bytes that are stored already, taking over the caller's reference to them."""
    becomes_dataset = purpose in DATASET_PURPOSES
    with transaction.atomic():
        file = File.objects.create(
            tenant=caller.tenant,
            filename=filename,
            purpose=purpose,
            media_type=media_type[:100],
            size_bytes=blob.size_bytes,
            blob=blob,
            status=File.Status.UPLOADED if becomes_dataset else File.Status.PROCESSED,
            created_by=caller.actor[:200],
            expires_at=expires_at,
        )
        audit_record("file.created", caller=caller, object_id=file.id, detail={"name": filename})
        if becomes_dataset:
            dataset = (
                access_dataset(dataset_id)
                if dataset_id
                else dataset_create(name=dataset_name(filename), caller=caller)
            )
            version_create(dataset, file=file)
    return file


def file_refuse_early(size_bytes: int) -> int:
    """Raise what a file of this size would meet at its end; return the bytes there is room for.

    For doors that know the size before the first byte is read.
    """
    if size_bytes > settings.FILE_MAX_BYTES:
        raise PayloadTooLarge(
            _("A file may have at most %(size)s.")
            % {"size": filesizeformat(settings.FILE_MAX_BYTES)}
        )
    room_bytes = int(settings.STORAGE_QUOTA_BYTES) - storage_used_bytes()
    if size_bytes > room_bytes or room_bytes <= 0:
        raise _quota_exceeded()
    return room_bytes


def purpose_check(purpose: str, *, dataset_id: str | None = None) -> None:
    """Raise ``InvalidRequest`` unless a caller may upload for this purpose."""
    if purpose not in INPUT_PURPOSES:
        raise InvalidRequest(
            _("purpose must be one of: %(purposes)s.") % {"purposes": ", ".join(INPUT_PURPOSES)},
            param="purpose",
        )
    if dataset_id and purpose not in DATASET_PURPOSES:
        raise InvalidRequest(
            _("A file can only join a dataset with the purpose 'dataset' or 'fine-tune'."),
            param="purpose",
        )


def filename_clean(filename: str) -> str:
    """Return the last part of a file's name without what no screen should show.

    The name is only ever shown, never used as a path.
    """
    last = PurePosixPath(filename.replace("\\", "/")).name
    shown = "".join(char for char in last if char.isprintable()).strip()
    if not shown or shown in {".", ".."}:
        raise InvalidRequest(_("The file needs a name."), param="file")
    stem, dot, ending = shown.rpartition(".")
    if len(shown) > FILENAME_MAX and dot and len(ending) < 16:
        return f"{stem[: FILENAME_MAX - len(ending) - 1]}.{ending}"
    return shown[:FILENAME_MAX]


def dataset_name(filename: str) -> str:
    """Return the name a dataset made of this file starts with: the file's, without its ending."""
    stem = filename
    for _step in range(2):
        head, dot, ending = stem.rpartition(".")
        if dot and head and len(ending) <= 8:
            stem = head
    return stem[:120]


def _limited(source: Source, *, room_bytes: int) -> Iterator[bytes]:
    """Pass the chunks on until there are more than fit."""
    seen_bytes = 0
    for chunk in _chunks(source):
        seen_bytes += len(chunk)
        if seen_bytes > settings.FILE_MAX_BYTES:
            file_refuse_early(seen_bytes)
        if seen_bytes > room_bytes:
            raise _quota_exceeded()
        yield chunk


def _chunks(source: Source) -> Iterator[bytes]:
    if isinstance(source, Path):
        with source.open("rb") as stream:
            yield from iter(lambda: stream.read(CHUNK_BYTES), b"")
    elif hasattr(source, "read"):
        yield from iter(lambda: source.read(CHUNK_BYTES), b"")
    else:
        yield from source


def _quota_exceeded() -> QuotaExceeded:
    return QuotaExceeded(
        _("Your storage is full (%(quota)s). Delete files or datasets, or ask for more.")
        % {"quota": filesizeformat(settings.STORAGE_QUOTA_BYTES)},
        code="storage_quota_exceeded",
    )
