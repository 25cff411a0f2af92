"""Text as a stream: UTF-8, or UTF-16 with its mark; anything else says where it goes wrong."""

import codecs
import io
from collections.abc import Iterator
from pathlib import Path

from modelmill.datasets.intake.findings import Reason

_CHUNK_BYTES = 1 << 16


class NotText(Exception):
    """A file is no text we can read; ``line`` is where that shows."""

    def __init__(self, reason: Reason, *, line: int) -> None:
        super().__init__(reason.reason)
        self.reason = reason
        self.line = line


def text_pieces(path: Path) -> Iterator[str]:
    """Yield a file's text in pieces, its line ends made ``\\n``; raises ``NotText``."""
    decoder = io.IncrementalNewlineDecoder(_decoder_for(path), translate=True)
    lines = 0
    with path.open("rb") as stream:
        while True:
            chunk = stream.read(_CHUNK_BYTES)
            try:
                piece = decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                before = bytes(error.object[: error.start])
                raise NotText(
                    Reason.ENCODING, line=lines + before.decode(error.encoding).count("\n") + 1
                ) from None
            if "\0" in piece:
                line = lines + piece[: piece.index("\0")].count("\n") + 1
                raise NotText(Reason.BINARY, line=line)
            lines += piece.count("\n")
            if piece:
                yield piece
            if not chunk:
                return


def text_lines(path: Path, *, limit_chars: int) -> Iterator[tuple[int, str]]:
    """Yield (number from 1, line without its end); raises ``NotText`` also for a line too long."""
    number, rest = 0, ""
    for piece in text_pieces(path):
        head, *more = piece.split("\n")
        rest += head
        for line in more:
            number += 1
            yield number, rest
            rest = line
        if len(rest) > limit_chars:
            raise NotText(Reason.BINARY, line=number + 1)
    if rest:
        yield number + 1, rest


def _decoder_for(path: Path) -> codecs.IncrementalDecoder:
    with path.open("rb") as stream:
        head = stream.read(3)
    name = "utf-16" if head[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8-sig"
    return codecs.getincrementaldecoder(name)("strict")
