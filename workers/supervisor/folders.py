"""Folders that a plugin wrote, into storage and back, without trusting what is in them."""

import os
import tarfile
from contextlib import suppress
from pathlib import Path

from django.db import DatabaseError, InterfaceError
from modelmill.core.halting import halt_check
from modelmill.core.models import Blob
from modelmill.core.scratch import scratch_folder
from modelmill.core.storage import blob_fetch, blob_release, blob_write
from modelmill_sdk.errors import PluginError

from workers.hosts.opening import file_open

_MAX_FILES = 10_000


def folder_files(folder: Path) -> dict[str, Path]:
    """List the ordinary files below a folder by their path inside it.

    Raises PluginError for links, devices, absurdly many files and absurdly deep folders.
    """
    try:
        return _files_below(folder)
    except (RecursionError, OSError) as error:
        # Names longer than a path may be are the first to be met.
        raise PluginError(f"Its folders cannot be listed: {type(error).__name__}.") from error


def _files_below(folder: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for parent, folders, names in os.walk(folder, followlinks=False):
        for name in (*folders, *names):
            path = Path(parent, name)
            if path.is_symlink() or not (path.is_file() or path.is_dir()):
                raise PluginError(f"{name} is not an ordinary file.")
        for name in names:
            path = Path(parent, name)
            found[path.relative_to(folder).as_posix()] = path
        if len(found) > _MAX_FILES:
            raise PluginError(f"More than {_MAX_FILES} files.")
    return dict(sorted(found.items()))


def folder_store(folder: Path) -> dict[str, Blob]:
    """Store every file of a folder; return the blobs by path, each holding one reference."""
    blobs: dict[str, Blob] = {}
    try:
        for name, path in folder_files(folder).items():
            halt_check()
            with file_open(path) as stream:
                blobs[name] = blob_write(stream)
    except BaseException:
        # What cannot be given back now is an orphan, and swept as such.
        with suppress(DatabaseError, InterfaceError):
            for blob in blobs.values():
                blob_release(blob)
        raise
    return blobs


def folder_archive(folder: Path) -> Blob:
    """Store a folder as one archive, the same bytes for the same files.

    The archive is made in a folder of our own: in the plugin's, a link could lie in its place.
    """
    with scratch_folder("checkpoint") as own:
        archive = own / "checkpoint.tar"
        with tarfile.open(archive, "w", format=tarfile.PAX_FORMAT) as tar:
            for name, path in folder_files(folder).items():
                halt_check()
                with file_open(path) as stream:
                    entry = tarfile.TarInfo(name)
                    entry.size = os.fstat(stream.fileno()).st_size
                    tar.addfile(entry, stream)
        return blob_write(archive, media_type="application/x-tar")


def archive_fetch(blob: Blob, folder: Path) -> Path:
    """Unpack a stored archive into a folder; return the folder."""
    archive = blob_fetch(blob, folder.with_suffix(".tar"))
    with tarfile.open(archive) as tar:
        for entry in tar:
            halt_check()
            tar.extract(entry, folder, filter="data")
    archive.unlink()
    return folder
