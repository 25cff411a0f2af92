"""Uploads: big files that arrive in parts, in any order, and may be resumed."""

import hashlib
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import IO

from django.db import transaction
from django.db.models import Sum
from django.template.defaultfilters import filesizeformat
from django.utils import timezone
from django.utils.translation import gettext as _

from modelmill.core.errors import Conflict, InvalidRequest, PayloadTooLarge
from modelmill.core.models import Blob
from modelmill.core.scope import system_scope, tenant_scope
from modelmill.core.storage import CHUNK_BYTES, blob_open, blob_release, blob_write
from modelmill.datasets.models import Upload, UploadPart
from modelmill.datasets.services.files import (
    file_add,
    file_refuse_early,
    filename_clean,
    purpose_check,
)
from modelmill.tenants.callers import Caller

PART_MAX_BYTES = 64 << 20
UPLOAD_VALID = timedelta(hours=24)
_SWEEP_LIMIT = 200


def upload_create(
    *,
    filename: str,
    purpose: str,
    size_bytes: int,
    media_type: str,
    caller: Caller,
    file_lifetime_s: int | None = None,
) -> Upload:
    """Open an upload of so many bytes; it waits for its parts for a day."""
    purpose_check(purpose)
    if size_bytes < 1:
        raise InvalidRequest(_("The file is empty."), code="empty_file", param="bytes")
    file_refuse_early(size_bytes)
    return Upload.objects.create(
        tenant=caller.tenant,
        filename=filename_clean(filename),
        purpose=purpose,
        media_type=media_type[:100],
        size_bytes=size_bytes,
        file_lifetime_s=file_lifetime_s,
        expires_at=timezone.now() + UPLOAD_VALID,
    )


def upload_part_add(upload: Upload, stream: IO[bytes], *, size_bytes: int) -> UploadPart:
    """Store one part. The same part sent again becomes another part, and one is simply not named.

    Raises ``PayloadTooLarge`` for a part over 64 MiB, ``Conflict`` when the
    upload is over, ``InvalidRequest`` when the parts far exceed what was announced.
    """
    _require_pending(upload)
    if size_bytes > PART_MAX_BYTES:
        raise PayloadTooLarge(
            _("A part may have at most %(size)s.") % {"size": filesizeformat(PART_MAX_BYTES)}
        )
    if size_bytes < 1:
        raise InvalidRequest(_("The part is empty."), param="data")
    stored_bytes = upload.parts.aggregate(total=Sum("size_bytes"))["total"] or 0
    # Twice, because a client that lost an answer sends the part again.
    if stored_bytes + size_bytes > 2 * upload.size_bytes:
        raise InvalidRequest(_("The parts are larger than the upload's 'bytes'."), param="data")
    file_refuse_early(size_bytes)
    blob = blob_write(stream)
    try:
        with transaction.atomic():
            _require_pending(Upload.objects.select_for_update().get(pk=upload.pk))
            return UploadPart.objects.create(
                tenant_id=upload.tenant_id, upload=upload, blob=blob, size_bytes=blob.size_bytes
            )
    except BaseException:
        blob_release(blob)
        raise


def upload_complete(
    upload: Upload, *, part_ids: Sequence[str], caller: Caller, md5: str | None = None
) -> Upload:
    """Join the named parts into a file, in that order; the parts themselves go.

    The same request again answers the same. Raises ``InvalidRequest`` when a
    part is unknown, or the size or the MD5 is not as announced.
    """
    if _is_completed(upload, part_ids):
        return upload
    _require_pending(upload)
    parts = _parts_named(upload, part_ids)
    digest = hashlib.md5(usedforsecurity=False)
    try:
        blob = blob_write(_joined(parts, digest), media_type=upload.media_type)
    except FileNotFoundError:
        # Somebody else completed it, or gave it up, while we read.
        upload.refresh_from_db()
        if _is_completed(upload, part_ids):
            return upload
        _require_pending(upload)
        raise
    try:
        if md5 and digest.hexdigest() != md5.lower():
            raise InvalidRequest(
                _("The MD5 of the parts is not the one given. Send the file again."),
                code="checksum_mismatch",
                param="md5",
            )
        return _upload_finish(upload, blob, part_ids=part_ids, caller=caller)
    except BaseException:
        blob_release(blob)
        raise


def upload_cancel(upload: Upload) -> Upload:
    """Give an upload up and release its parts; a second call changes nothing."""
    if upload.status == Upload.Status.CANCELLED:
        return upload
    with transaction.atomic():
        locked = Upload.objects.select_for_update().get(pk=upload.pk)
        _require_pending(locked)
        return _upload_close(locked, status=Upload.Status.CANCELLED)


def uploads_sweep() -> int:
    """Close the uploads that waited too long for their parts; return how many."""
    with system_scope("uploads of every tenant expire"):
        due = list(
            Upload.objects.filter(
                status=Upload.Status.PENDING, expires_at__lte=timezone.now()
            ).values_list("tenant_id", "pk")[:_SWEEP_LIMIT]
        )
    for tenant_id, pk in due:
        with tenant_scope(tenant_id), transaction.atomic():
            upload = Upload.objects.select_for_update().get(pk=pk)
            if upload.status == Upload.Status.PENDING:
                _upload_close(upload, status=Upload.Status.EXPIRED)
    return len(due)


def _upload_finish(
    upload: Upload, blob: Blob, *, part_ids: Sequence[str], caller: Caller
) -> Upload:
    expires_at = None
    if upload.file_lifetime_s is not None:
        expires_at = timezone.now() + timedelta(seconds=upload.file_lifetime_s)
    with transaction.atomic():
        locked = Upload.objects.select_for_update().get(pk=upload.pk)
        if _is_completed(locked, part_ids):
            blob_release(blob)
            return locked
        _require_pending(locked)
        locked.file = file_add(
            blob,
            filename=locked.filename,
            purpose=locked.purpose,
            caller=caller,
            media_type=locked.media_type,
            expires_at=expires_at,
        )
        locked.part_ids = list(part_ids)
        return _upload_close(locked, status=Upload.Status.COMPLETED)


def _upload_close(upload: Upload, *, status: str) -> Upload:
    parts = list(upload.parts.select_related("blob"))
    upload.parts.all().delete()
    for part in parts:
        blob_release(part.blob)
    upload.status = status
    upload.save(update_fields=["status", "file", "part_ids"])
    return upload


def _is_completed(upload: Upload, part_ids: Sequence[str]) -> bool:
    return upload.status == Upload.Status.COMPLETED and upload.part_ids == list(part_ids)


def _require_pending(upload: Upload) -> None:
    if upload.status == Upload.Status.PENDING and upload.expires_at > timezone.now():
        return
    status = upload.status if upload.status != Upload.Status.PENDING else Upload.Status.EXPIRED
    raise Conflict(
        _("This upload is %(status)s. Begin a new one.") % {"status": status},
        code="upload_not_pending",
    )


def _parts_named(upload: Upload, part_ids: Sequence[str]) -> list[UploadPart]:
    known = {part.pk: part for part in upload.parts.select_related("blob")}
    missing = [part_id for part_id in part_ids if part_id not in known]
    if missing:
        raise InvalidRequest(
            _("This upload has no part %(part)s.") % {"part": missing[0]}, param="part_ids"
        )
    parts = [known[part_id] for part_id in part_ids]
    total_bytes = sum(part.size_bytes for part in parts)
    if len(set(part_ids)) != len(part_ids) or total_bytes != upload.size_bytes:
        raise InvalidRequest(
            _("The parts have %(got)d bytes together; the upload announced %(want)d.")
            % {"got": total_bytes, "want": upload.size_bytes},
            code="size_mismatch",
            param="part_ids",
        )
    return parts


def _joined(parts: Sequence[UploadPart], digest: "hashlib._Hash") -> Iterator[bytes]:
    for part in parts:
        with blob_open(part.blob) as stream:
            while chunk := stream.read(CHUNK_BYTES):
                digest.update(chunk)
                yield chunk
