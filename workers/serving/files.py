"""The files of models on this machine, fetched once, verified, and pruned by age."""

import hashlib
import os
import shutil
import threading
import time
from pathlib import Path

from modelmill.core.storage import BlobDamaged
from modelmill.registry.models import ModelVersion
from modelmill.registry.services import version_fetch

from workers.serving.errors import Refused

_CHUNK_BYTES = 1 << 20
_KEEP_S = 600


class ModelFiles:
    """A folder of model folders, named by the SHA-256 of what is in them."""

    def __init__(self, root: Path, *, budget_bytes: int) -> None:
        """Keep folders under ``root``; the oldest go when they grow beyond the budget."""
        self._root = root
        self._budget_bytes = budget_bytes
        self._lock = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}

    def folder(self, version: ModelVersion) -> Path:
        """Return the version's folder, fetching it first if it is not here.

        Raises ``Refused`` when its files are gone, or are not what was published.
        """
        with self._lock:
            lock = self._locks.setdefault(version.sha256, threading.Lock())
        folder = self._root / version.sha256
        with lock:
            if not folder.exists():
                self._fetch(version, folder)
                self._prune(keep=folder)
            os.utime(folder)
        return folder

    def _fetch(self, version: ModelVersion, folder: Path) -> None:
        if version.deleted_at is not None:
            raise Refused("This model was deleted.", code="model_deleted", param="model")
        temporary = folder.with_name(f".{folder.name}.{os.getpid()}")
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        try:
            version_fetch(version, temporary)
            found = folder_sha256(temporary)
            if found != version.sha256:
                raise BlobDamaged(f"{version.id}: expected {version.sha256}, found {found}")
            _make_readable(temporary)
            temporary.rename(folder)
        except BlobDamaged as damage:
            raise Refused(
                "The model's files are damaged. The operator was told.",
                code="model_damaged",
                detail=str(damage),
            ) from damage
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def _prune(self, *, keep: Path) -> None:
        folders = [path for path in self._root.iterdir() if path != keep and path.is_dir()]
        folders.sort(key=lambda path: path.stat().st_mtime, reverse=True)
        total = _size_bytes(keep)
        for folder in folders:
            total += _size_bytes(folder)
            # A model used a moment ago may just be about to be loaded.
            if total > self._budget_bytes and folder.stat().st_mtime < time.time() - _KEEP_S:
                shutil.rmtree(folder, ignore_errors=True)


def folder_sha256(folder: Path) -> str:
    """Hash a model's folder as the registry does: each file's path and SHA-256, by path."""
    names = sorted(path.relative_to(folder).as_posix() for path in _files(folder))
    lines = (f"{name}\0{_file_sha256(folder / name)}\n" for name in names)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _file_sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while part := stream.read(_CHUNK_BYTES):
            digest.update(part)
    return digest.hexdigest()


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def _size_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in _files(folder))


def _make_readable(folder: Path) -> None:
    """Let the plugin's process read the files, which may run as a user of its own."""
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
