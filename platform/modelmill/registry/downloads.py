"""A version's files for those who own it: one by one, or all as a zip made as it is sent."""

import hashlib
import re
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import BinaryIO, cast

from django.conf import settings
from django.utils.translation import gettext as _

from modelmill.core.errors import Conflict, NotFound, PermissionDenied
from modelmill.core.storage import CHUNK_BYTES, BlobDamaged, blob_open
from modelmill.registry.models import ModelFile, ModelVersion
from modelmill.registry.selectors import version_files
from modelmill.tenants.callers import Caller
from modelmill.tenants.services import audit_record

# What would end a header or lead into another folder; letters of every script stay.
_NO_FILE_NAME = re.compile(r"""[\x00-\x1f\x7f-\x9f\u2028\u2029/\\"']+""")


def may_be_downloaded(version: ModelVersion) -> bool:
    """Say whether the operator lets models out, and this one is the organisation's own."""
    return bool(settings.MODEL_DOWNLOADS) and not version.installed


def files_to_download(version: ModelVersion) -> list[ModelFile]:
    """Return a version's files with their blobs, by path.

    Raises ``PermissionDenied`` (``model_downloads_off``) where the operator lets none out, and
    ``Conflict`` (``model_installed``) for a model that the operator installed.
    """
    if version.installed:
        raise Conflict(
            _("Your operator installed this model for everyone; it cannot be downloaded."),
            code="model_installed",
        )
    if not settings.MODEL_DOWNLOADS:
        raise PermissionDenied(
            _("Models cannot be downloaded here. Ask the operator if you need yours elsewhere."),
            code="model_downloads_off",
        )
    return list(version_files(version))


def access_model_file(version: ModelVersion, path: str) -> ModelFile:
    """Return one of a version's files; raises ``NotFound``, and as ``files_to_download``."""
    for file in files_to_download(version):
        if file.path == path:
            return file
    raise NotFound(_("This model has no file %(path)s.") % {"path": path}, param="file")


def download_record(version: ModelVersion, *, caller: Caller, method: str, path: str = "") -> None:
    """Write into the audit log that a version, or one file of it, is taken home.

    Only GET takes anything: HEAD asks how it would be.
    """
    if method == "GET":
        audit_record(
            "model.downloaded",
            caller=caller,
            object_id=version.id,
            detail={"file": path} if path else None,
        )


def zip_name(version: ModelVersion) -> str:
    """Name the zip of a version: ``portraits-v3.zip``."""
    return f"{_NO_FILE_NAME.sub('-', version.model.name)}-v{version.number}.zip"


def zip_stream(files: Iterable[ModelFile]) -> Iterator[bytes]:
    """Yield a zip of files, none of which is ever whole in memory or on disk.

    They are stored as they are: weights do not shrink. Raises ``BlobDamaged`` before the zip's
    end when bytes are not those that were stored, so that no damaged model looks whole.
    """
    sink = _Sink()
    with zipfile.ZipFile(cast(BinaryIO, sink), "w", zipfile.ZIP_STORED) as archive:
        for file in files:
            entry = zipfile.ZipInfo(
                str(PurePosixPath(file.path)),
                date_time=file.version.created_at.timetuple()[:6],
            )
            entry.external_attr = 0o644 << 16
            # Known ahead, so that files beyond 4 GiB get the longer fields.
            entry.file_size = file.blob.size_bytes
            digest = hashlib.sha256()
            with archive.open(entry, "w") as target, blob_open(file.blob) as source:
                for chunk in iter(lambda: source.read(CHUNK_BYTES), b""):
                    digest.update(chunk)
                    target.write(chunk)
                    yield sink.taken()
            if digest.hexdigest() != file.blob.sha256:
                raise BlobDamaged(f"The bytes of {file.blob.id} are not those that were stored.")
    yield sink.taken()


class _Sink:
    """What a zip is written to: a place without a way back, emptied as it fills."""

    def __init__(self) -> None:
        self._held = bytearray()

    def write(self, content: bytes) -> int:
        self._held += content
        return len(content)

    def flush(self) -> None:
        """Nothing waits."""

    def taken(self) -> bytes:
        """Return what was written since the last time."""
        content = bytes(self._held)
        self._held.clear()
        return content
