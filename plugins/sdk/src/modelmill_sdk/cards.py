"""A model card cut into blocks: a few forms of Markdown, and everything else as paragraphs."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

_HEADING = re.compile(r"#{1,6}\s+(.*)")
_ITEM = re.compile(r"\s*[-*]\s+(.*)")
_RULE = re.compile(r"[\s|:-]+")

Kind = Literal["code", "heading", "list", "table", "paragraph"]


@dataclass(frozen=True, kw_only=True)
class CardBlock:
    """One block: a table's rows with their cells; every other kind's rows have one text each."""

    kind: Kind
    rows: tuple[tuple[str, ...], ...]


def card_blocks(text: str) -> Iterator[CardBlock]:
    """Cut a card into headings, paragraphs, lists, tables and fenced code."""
    # Every second part stands between two fences of code.
    for number, part in enumerate(re.split(r"^```.*$", text, flags=re.MULTILINE)):
        if number % 2:
            yield CardBlock(kind="code", rows=((part.strip("\n"),),))
            continue
        for kind, group in groupby(part.splitlines(), key=_kind):
            if kind is not None:
                yield CardBlock(kind=kind, rows=_rows(kind, list(group)))


def card_sentences(text: str) -> Iterator[str]:
    """Give each text of a card that a reader reads, as it stands between its marks."""
    for block in card_blocks(text):
        if block.kind != "code":
            for row in block.rows:
                yield from row


def _kind(line: str) -> Kind | None:
    if not line.strip():
        return None
    if _HEADING.match(line):
        return "heading"
    if _ITEM.match(line):
        return "list"
    return "table" if line.lstrip().startswith("|") else "paragraph"


def _rows(kind: Kind, lines: list[str]) -> tuple[tuple[str, ...], ...]:
    if kind == "table":
        return tuple(_cells(line) for line in lines if not _RULE.fullmatch(line))
    if kind == "paragraph":
        return ((" ".join(line.strip() for line in lines),),)
    mark = _HEADING if kind == "heading" else _ITEM
    return tuple((found[1],) for line in lines if (found := mark.match(line)))


def _cells(line: str) -> tuple[str, ...]:
    return tuple(cell.strip() for cell in line.strip().strip("|").split("|"))
