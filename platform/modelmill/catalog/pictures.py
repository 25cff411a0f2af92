"""Sample pictures of plugins: the operator's own bytes, kept once under their hash."""

import hashlib
import re
from typing import IO

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from modelmill.core.errors import NotFound

_SHA256 = re.compile(r"[0-9a-f]{64}")


def picture_store(content: bytes) -> str:
    """Store a picture's bytes and return their SHA-256; a second time changes nothing."""
    sha256 = hashlib.sha256(content).hexdigest()
    if not default_storage.exists(_path(sha256)):
        default_storage.save(_path(sha256), ContentFile(content))
    return sha256


def picture_open(sha256: str) -> IO[bytes]:
    """Open a picture for reading; the caller closes. Raises ``NotFound``."""
    if not _SHA256.fullmatch(sha256) or not default_storage.exists(_path(sha256)):
        raise NotFound("There is no such picture.")
    stream: IO[bytes] = default_storage.open(_path(sha256), "rb")
    return stream


def _path(sha256: str) -> str:
    return f"catalog/samples/{sha256}"
