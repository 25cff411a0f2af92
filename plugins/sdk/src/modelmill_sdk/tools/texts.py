"""Long texts cut into rows, at paragraph borders where there are some."""

import re
from collections.abc import Iterator

_CHUNK_MIN_CHARS = 256
_CHUNK_MAX_CHARS = 16_384
# So many rows there are at least, if there is enough text, for splits to be fair.
_ROWS_WANTED = 40
_SENTENCE_END = re.compile(r"[.!?…](?=\s)|[。！？]")


def text_chunks(text: str, *, total_bytes: int) -> Iterator[str]:
    """Cut a text into chunks, sized by how much text there is in all; blank ones are left out."""
    size = max(_CHUNK_MIN_CHARS, min(_CHUNK_MAX_CHARS, total_bytes // _ROWS_WANTED))
    start = 0
    while start < len(text):
        window = text[start : start + size]
        end = start + (len(window) if start + size >= len(text) else _cut(window))
        if text[start:end].strip():
            yield text[start:end]
        start = end


def _cut(window: str) -> int:
    least = len(window) // 4
    for mark in ("\n\n", "\n"):
        end = window.rfind(mark) + len(mark)
        if end > max(least, 1):
            return end
    sentences = [match.end() for match in _SENTENCE_END.finditer(window, least)]
    if sentences:
        return sentences[-1]
    space = window.rfind(" ") + 1
    return space if space > max(least, 1) else len(window)
