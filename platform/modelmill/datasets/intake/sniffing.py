"""What form a source has, told by its first bytes; its name only decides between text forms."""

import tarfile
from enum import Enum, auto
from pathlib import Path

from modelmill.datasets.intake.refusals import Refusal, Refused

HEAD_BYTES = 512


class Form(Enum):
    """A form the intake can read."""

    ZIP = auto()
    TAR = auto()
    GZIP = auto()
    BZIP2 = auto()
    XZ = auto()
    PARQUET = auto()
    IMAGE = auto()
    JSON = auto()
    CSV = auto()
    TEXT = auto()


COMPRESSED = frozenset({Form.GZIP, Form.BZIP2, Form.XZ})
TABLES = frozenset({Form.PARQUET, Form.JSON, Form.CSV})
ARCHIVES = frozenset({Form.ZIP, Form.TAR, *COMPRESSED})

_MAGIC: list[tuple[bytes, Form]] = [
    (b"PK\x03\x04", Form.ZIP),
    (b"PK\x05\x06", Form.ZIP),
    (b"\x1f\x8b", Form.GZIP),
    (b"BZh", Form.BZIP2),
    (b"\xfd7zXZ\x00", Form.XZ),
    (b"PAR1", Form.PARQUET),
    (b"\x89PNG\r\n\x1a\n", Form.IMAGE),
    (b"\xff\xd8\xff", Form.IMAGE),
    (b"GIF87a", Form.IMAGE),
    (b"GIF89a", Form.IMAGE),
]
_FOREIGN: list[tuple[bytes, str]] = [
    (b"7z\xbc\xaf\x27\x1c", "7-Zip"),
    (b"Rar!\x1a\x07", "RAR"),
    (b"\x28\xb5\x2f\xfd", "Zstandard"),
    (b"%PDF", "PDF"),
    (b"\x7fELF", "ELF"),
    (b"MZ", "EXE"),
    (b"\xd0\xcf\x11\xe0", "Office"),
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
    (b"SQLite format 3\x00", "SQLite"),
    (b"\x80\x02", "pickle"),
    (b"\x80\x03", "pickle"),
    (b"\x80\x04", "pickle"),
    (b"\x80\x05", "pickle"),
]
_BY_ENDING = {
    ".zip": Form.ZIP,
    ".tar": Form.TAR,
    ".gz": Form.GZIP,
    ".tgz": Form.GZIP,
    ".bz2": Form.BZIP2,
    ".xz": Form.XZ,
    ".parquet": Form.PARQUET,
    ".jsonl": Form.JSON,
    ".ndjson": Form.JSON,
    ".json": Form.JSON,
    ".csv": Form.CSV,
    ".tsv": Form.CSV,
    ".txt": Form.TEXT,
    ".text": Form.TEXT,
    ".md": Form.TEXT,
    ".markdown": Form.TEXT,
    **dict.fromkeys((".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp"), Form.IMAGE),
}


def form_of(path: Path, *, name: str) -> Form:
    """Return the form of a file; raises ``Refused`` for one the intake knows and cannot read."""
    with path.open("rb") as stream:
        head = stream.read(HEAD_BYTES)
    for magic, form in _MAGIC:
        if head.startswith(magic):
            return form
    if is_image(head):
        return Form.IMAGE
    if head[257:262] == b"ustar" or _is_old_tar(head):
        return Form.TAR
    _refuse_foreign(head)
    return _text_form(head, name=name)


def is_image(head: bytes) -> bool:
    """Say whether a file begins like a picture of a known format."""
    return (
        any(head.startswith(magic) for magic, form in _MAGIC if form is Form.IMAGE)
        or (head[:4] == b"RIFF" and head[8:12] == b"WEBP")
        or (head[:2] == b"BM" and head[6:10] == b"\0\0\0\0")
    )


def form_by_name(name: str) -> Form | None:
    """Return the form an entry's name promises, None if it promises nothing we read."""
    return _BY_ENDING.get("." + name.rpartition(".")[2].lower())


def is_clutter(name: str) -> bool:
    """Say whether an entry is what file managers leave behind: nobody meant to send it."""
    last = name.rpartition("/")[2]
    return (
        last.startswith(".")
        or last.lower() in {"thumbs.db", "desktop.ini"}
        or "__MACOSX" in name.split("/")
    )


def _text_form(head: bytes, *, name: str) -> Form:
    promised = form_by_name(name)
    if promised in (Form.JSON, Form.CSV, Form.TEXT):
        return promised
    if promised is not None:
        raise Refused(Refusal.WRONG_CONTENT, ending="." + name.rpartition(".")[2].lower())
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    return Form.JSON if start.startswith(b'{"') else Form.TEXT


def _refuse_foreign(head: bytes) -> None:
    for magic, what in _FOREIGN:
        if head.startswith(magic):
            raise Refused(Refusal.UNKNOWN_FORM, form=what)


def _is_old_tar(head: bytes) -> bool:
    """Say whether this is a tar from before "ustar", by its header's checksum."""
    if len(head) < tarfile.BLOCKSIZE or head[0] == 0:
        return False
    try:
        tarfile.TarInfo.frombuf(head, "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True
