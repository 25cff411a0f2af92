"""Archives, read as a stream of entries; nothing is ever written under a name they give."""

import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from lzma import LZMAError
from pathlib import Path
from typing import IO, Protocol
from zipfile import BadZipFile

from modelmill.datasets.intake.findings import Findings, Reason, shown
from modelmill.datasets.intake.refusals import Refusal, Refused

_CHUNK_BYTES = 1 << 16
_DRIVE = re.compile(r"^[A-Za-z]:")
_NAME_MAX = 4_096

# What the standard library raises for an entry that is broken, encrypted or of an odd method.
BROKEN = (BadZipFile, zlib.error, LZMAError, EOFError, NotImplementedError, RuntimeError, OSError)

Wanted = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Entry:
    """One ordinary file of an archive; ``stream`` is open until the next entry is asked for."""

    name: str
    stream: IO[bytes]


class Archive(Protocol):
    """A zip or a tar. Each method goes through the archive once."""

    def names(self) -> Iterator[str]:
        """Yield the ordinary files' names; raises ``Refused`` for a dangerous archive."""

    def entries(self, wanted: Wanted, findings: Findings) -> Iterator[Entry]:
        """Yield the wanted entries and note the others that cannot be read."""


class Budget:
    """Counts unpacked bytes; raises ``Refused`` when there are more than the source can mean."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.used_bytes = 0

    def spend(self, size_bytes: int) -> None:
        """Count so many bytes."""
        self.used_bytes += size_bytes
        if self.used_bytes > self.max_bytes:
            raise Refused(Refusal.BOMB)


def entry_read(entry: Entry, *, max_bytes: int, budget: Budget) -> bytes | None:
    """Return an entry's bytes, None when there are more than ``max_bytes``."""
    chunks = []
    size_bytes = 0
    while chunk := entry.stream.read(min(_CHUNK_BYTES, max_bytes + 1 - size_bytes)):
        budget.spend(len(chunk))
        size_bytes += len(chunk)
        if size_bytes > max_bytes:
            return None
        chunks.append(chunk)
    return b"".join(chunks)


def stream_spool(stream: IO[bytes], path: Path, *, budget: Budget) -> Path:
    """Write a stream to a numbered file of ours; return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as target:
        while chunk := stream.read(_CHUNK_BYTES):
            budget.spend(len(chunk))
            target.write(chunk)
    return path


def name_check(name: str) -> str:
    """Return an entry's name with forward slashes; raises ``Refused`` for one that climbs out.

    No name is ever used as a path here; but whoever sends such a name either
    attacks or has an archive that other programs would unpack over their files.
    """
    # Plain string work here and in the sniffing: pathlib would double an archive's time.
    plain = name.replace("\\", "/")
    climbs = ".." in plain.split("/") or plain.startswith("/") or _DRIVE.match(plain)
    if climbs or "\0" in plain or len(plain) > _NAME_MAX:
        raise Refused(Refusal.UNSAFE_NAME, name=shown(name)[:100])
    return plain


def note_link(name: str, findings: Findings, *, is_link: bool) -> None:
    """Note an entry that is no ordinary file."""
    findings.add(Reason.LINK if is_link else Reason.DEVICE, file=name)
