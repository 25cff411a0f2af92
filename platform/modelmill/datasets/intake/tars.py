"""Tar archives, plain or compressed, read front to back and never seeked in."""

import bz2
import gzip
import lzma
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, cast

from modelmill.datasets.intake.archives import (
    BROKEN,
    Budget,
    Entry,
    Wanted,
    name_check,
    note_link,
)
from modelmill.datasets.intake.findings import Findings, Reason
from modelmill.datasets.intake.limits import Limits
from modelmill.datasets.intake.refusals import Refusal, Refused
from modelmill.datasets.intake.sniffing import Form

_OPENERS: dict[Form, Callable[..., Any]] = {
    Form.GZIP: gzip.open,
    Form.BZIP2: bz2.open,
    Form.XZ: lzma.open,
    Form.TAR: open,
}
_HEADERS = {
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
}


def unpacked_open(path: Path, form: Form) -> IO[bytes]:
    """Open a compressed file's content for reading."""
    return cast(IO[bytes], _OPENERS[form](path, "rb"))


def is_compressed_tar(path: Path, form: Form) -> bool:
    """Say whether a compressed file holds a tar; raises ``Refused`` when it cannot be unpacked."""
    try:
        with unpacked_open(path, form) as stream:
            head = stream.read(tarfile.BLOCKSIZE)
    except BROKEN:
        raise Refused(Refusal.BROKEN_ARCHIVE) from None
    return head[257:262] == b"ustar"


class TarArchive:
    """A tar file; ``form`` says how it is compressed."""

    def __init__(self, path: Path, form: Form, *, limits: Limits) -> None:
        self._path = path
        self._form = form
        self._limits = limits

    def names(self) -> Iterator[str]:
        """Yield the ordinary files' names."""
        for member, _tar in self._members():
            name = name_check(member.name)
            if member.isreg() and not member.issparse():
                yield name

    def entries(self, wanted: Wanted, findings: Findings) -> Iterator[Entry]:
        """Yield the wanted entries and note the others that cannot be read."""
        for member, tar in self._members():
            name = name_check(member.name)
            if member.isdir():
                continue
            if not member.isreg() or member.issparse():
                note_link(name, findings, is_link=member.issym() or member.islnk())
            elif wanted(name):
                stream = tar.extractfile(member)
                if stream is None:
                    findings.add(Reason.UNPACKING, file=name)
                    continue
                yield Entry(name, stream)

    def _members(self) -> Iterator[tuple[tarfile.TarInfo, tarfile.TarFile]]:
        budget = Budget(self._limits.unpacked_max_bytes(self._path.stat().st_size))
        try:
            with (
                unpacked_open(self._path, self._form) as stream,
                tarfile.open(
                    fileobj=cast(Any, _Metered(stream, budget)),
                    mode="r|",
                    tarinfo=_bounded_header(self._limits),
                ) as tar,
            ):
                for count, member in enumerate(tar, start=1):
                    if count > self._limits.tar_entries:
                        raise Refused(Refusal.TOO_MANY_ENTRIES, most=self._limits.tar_entries)
                    yield member, tar
                    # tarfile keeps every header it met; two million of them are a gigabyte.
                    cast(Any, tar).members = []
        except (tarfile.TarError, *BROKEN, ValueError):
            raise Refused(Refusal.BROKEN_ARCHIVE) from None


class _Metered:
    """A stream that counts what is read of it."""

    def __init__(self, stream: IO[bytes], budget: Budget) -> None:
        self._stream = stream
        self._budget = budget

    def read(self, size: int = -1) -> bytes:
        chunk = self._stream.read(size)
        self._budget.spend(len(chunk))
        return chunk


def _bounded_header(limits: Limits) -> type[tarfile.TarInfo]:
    class BoundedTarInfo(tarfile.TarInfo):
        """A header whose long names and extensions, read into memory at once, stay small."""

        def _proc_member(self, archive: tarfile.TarFile) -> Any:
            if self.type in _HEADERS and self.size > limits.tar_header_bytes:
                raise Refused(Refusal.UNSAFE_HEADER)
            return super()._proc_member(archive)  # type: ignore[misc]

    return BoundedTarInfo
