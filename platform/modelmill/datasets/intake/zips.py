"""Zip archives, checked in their directory before the first byte is unpacked."""

import stat
import struct
from collections.abc import Iterator
from pathlib import Path
from zipfile import LargeZipFile, ZipFile, ZipInfo

from modelmill.datasets.intake.archives import (
    BROKEN,
    Entry,
    Wanted,
    name_check,
    note_link,
)
from modelmill.datasets.intake.findings import Findings, Reason
from modelmill.datasets.intake.limits import Limits
from modelmill.datasets.intake.refusals import Refusal, Refused

# The records' layouts are those of PKWARE's APPNOTE.TXT 6.3.10, sections 4.3.7 to 4.3.16.
_END = b"PK\x05\x06"
_END64_LOCATOR = b"PK\x06\x07"
_END64_LOCATOR_BYTES = 20
_END64 = b"PK\x06\x06"
_END64_BYTES = 56
_END_BYTES = 22
_COMMENT_MAX = 0xFFFF
_LOCAL_BYTES = 30
_ENCRYPTED = 0x1
_DIRECTORY_ENTRY = b"PK\x01\x02"
_DIRECTORY_ENTRY_BYTES = 46


class ZipArchive:
    """A zip file."""

    def __init__(self, path: Path, *, limits: Limits) -> None:
        """Read the directory; raises ``Refused`` for a bomb or a broken archive."""
        _directory_check(path, limits)
        try:
            self._zip = ZipFile(path)
        except (*BROKEN, LargeZipFile, ValueError, struct.error):
            raise Refused(Refusal.BROKEN_ARCHIVE) from None
        self._entries = self._zip.infolist()
        self._check(path.stat().st_size, limits)

    def names(self) -> Iterator[str]:
        """Yield the ordinary files' names."""
        for info in self._entries:
            name = name_check(info.orig_filename)
            if not info.is_dir() and _is_plain(info):
                yield name

    def entries(self, wanted: Wanted, findings: Findings) -> Iterator[Entry]:
        """Yield the wanted entries and note the others that cannot be read."""
        for info in self._entries:
            name = name_check(info.orig_filename)
            if info.is_dir():
                continue
            if not _is_plain(info):
                note_link(name, findings, is_link=stat.S_ISLNK(info.external_attr >> 16))
            elif not wanted(name):
                continue
            elif info.flag_bits & _ENCRYPTED:
                findings.add(Reason.ENCRYPTED, file=name)
            else:
                try:
                    stream = self._zip.open(info)
                except BROKEN:
                    findings.add(Reason.UNPACKING, file=name)
                    continue
                with stream:
                    yield Entry(name, stream)

    def _check(self, packed_bytes: int, limits: Limits) -> None:
        """Refuse what declares too much, and entries that share bytes (a bomb's trick)."""
        if sum(info.file_size for info in self._entries) > limits.unpacked_max_bytes(packed_bytes):
            raise Refused(Refusal.BOMB)
        end = 0
        for info in sorted(self._entries, key=lambda info: info.header_offset):
            if info.header_offset < end:
                raise Refused(Refusal.BOMB)
            end = info.header_offset + _LOCAL_BYTES + info.compress_size


def _is_plain(info: ZipInfo) -> bool:
    mode = info.external_attr >> 16
    kind = stat.S_IFMT(mode)
    # Archives made on Windows carry no mode at all.
    return kind in (0, stat.S_IFREG)


def _directory_check(path: Path, limits: Limits) -> None:
    """Refuse a directory of too many entries before Python makes an object of each."""
    size_bytes = path.stat().st_size
    with path.open("rb") as stream:
        start = max(0, size_bytes - _END_BYTES - _COMMENT_MAX - _END64_LOCATOR_BYTES)
        stream.seek(start)
        tail = stream.read()
        place = tail.rfind(_END)
        if place < 0 or len(tail) - place < _END_BYTES:
            raise Refused(Refusal.BROKEN_ARCHIVE)
        end, directory_bytes = start + place, struct.unpack_from("<I", tail, place + 12)[0]
        locator = tail[max(0, place - _END64_LOCATOR_BYTES) : place]
        if locator.startswith(_END64_LOCATOR):
            end = struct.unpack_from("<Q", locator, 8)[0]
            stream.seek(min(end, size_bytes))
            record = stream.read(_END64_BYTES)
            if len(record) == _END64_BYTES and record.startswith(_END64):
                directory_bytes = struct.unpack_from("<Q", record, 40)[0]
        if directory_bytes > min(limits.zip_directory_bytes, size_bytes):
            raise Refused(Refusal.TOO_MANY_ENTRIES, most=limits.zip_entries)
        stream.seek(max(0, min(end, size_bytes) - directory_bytes))
        _entries_count(stream.read(directory_bytes), limits)


def _entries_count(directory: bytes, limits: Limits) -> None:
    # Counted, because the number in the end record may lie and Python does not look at it.
    place = count = 0
    while directory.startswith(_DIRECTORY_ENTRY, place):
        if len(directory) - place < _DIRECTORY_ENTRY_BYTES:
            break
        place += _DIRECTORY_ENTRY_BYTES + sum(struct.unpack_from("<HHH", directory, place + 28))
        count += 1
        if count > limits.zip_entries:
            raise Refused(Refusal.TOO_MANY_ENTRIES, most=limits.zip_entries)
