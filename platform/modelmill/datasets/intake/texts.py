"""Plain text: documents are cut into rows at paragraph borders, so that splits make sense."""

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from modelmill.datasets.intake.encoding import NotText, text_pieces
from modelmill.datasets.intake.findings import Findings
from modelmill.datasets.intake.limits import Limits
from modelmill.datasets.intake.rows import Crop, Row
from modelmill.datasets.intake.sums_texts import TextSummary

TEXT_SCHEMA = pa.schema([("text", pa.string())])

_CHUNK_MIN_CHARS = 256
# So many rows a source is cut into at least, if it is long enough, for splits to be fair.
_ROWS_WANTED = 40
_SENTENCE_END = re.compile(r"[.!?…](?=\s)|[。！？]")


@dataclass(frozen=True)
class Document:
    """A file of ours that holds a stranger's text, and the name they gave it."""

    name: str
    path: Path


def text_crop(documents: Sequence[Document], *, limits: Limits, findings: Findings) -> Crop:
    """Return the crop of plain text files. One that is no text is noted and left out whole."""
    good = [document for document in documents if _is_text(document, findings)]
    total_bytes = sum(document.path.stat().st_size for document in good)
    size = max(_CHUNK_MIN_CHARS, min(limits.chunk_chars, total_bytes // _ROWS_WANTED))
    return Crop(
        kind="text",
        schema=TEXT_SCHEMA,
        rows=_rows(good, size_chars=size),
        summary=TextSummary(),
    )


def text_chunks(pieces: Iterable[str], *, size_chars: int) -> Iterator[str]:
    """Cut a text into chunks of at most ``size_chars`` whose concatenation is the text.

    A chunk ends, in this order of preference, after a blank line, a line, a
    sentence, a word; never before a quarter of its size. Only a longer run
    without any of them is cut anywhere.
    """
    rest = ""
    for piece in pieces:
        rest += piece
        start = 0
        while len(rest) - start > size_chars:
            end = start + _cut(rest[start : start + size_chars])
            yield rest[start:end]
            start = end
        rest = rest[start:]
    if rest:
        yield rest


def _cut(window: str) -> int:
    least = len(window) // 4
    for end in (window.rfind("\n\n") + 2, window.rfind("\n") + 1):
        if end > max(least, 1):
            return end
    sentences = [match.end() for match in _SENTENCE_END.finditer(window, least)]
    if sentences:
        return sentences[-1]
    space = window.rfind(" ") + 1
    return space if space > max(least, 1) else len(window)


def _is_text(document: Document, findings: Findings) -> bool:
    try:
        for _piece in text_pieces(document.path):
            pass
    except NotText as error:
        findings.add(error.reason, file=document.name, row=error.line)
        return False
    return True


def _rows(documents: Iterable[Document], *, size_chars: int) -> Iterator[Row]:
    for document in documents:
        number = 0
        for chunk in text_chunks(text_pieces(document.path), size_chars=size_chars):
            if not chunk.strip():
                continue
            number += 1
            encoded = chunk.encode()
            digest = hashlib.sha256(encoded).digest()
            yield Row(
                values={"text": chunk},
                key=digest,
                digest=digest,
                size_bytes=len(encoded),
                file=document.name,
                number=number,
            )
