"""A plugin's model card as HTML: a few forms of Markdown, and everything else as plain text.

The card comes from a plugin's author. Nothing of it is HTML of their own: every text is escaped,
and a link goes to https alone.
"""

import re
from collections.abc import Iterator
from itertools import groupby

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

_INLINE = re.compile(r"`([^`]+)`|\*\*([^*]+)\*\*|\[([^\[\]]+)\]\((https://[^\s)]+)\)")
_HEADING = re.compile(r"#{1,6}\s+(.*)")
_ITEM = re.compile(r"\s*[-*]\s+(.*)")
_RULE = re.compile(r"[\s|:-]+")


def card_html(text: str) -> SafeString:
    """Render headings, paragraphs, lists, tables, code, bold and https links."""
    return format_html_join("\n", "{}", ((block,) for block in _blocks(text)))


def _blocks(text: str) -> Iterator[SafeString]:
    # Every second part stands between two fences of code.
    for number, part in enumerate(re.split(r"^```.*$", text, flags=re.MULTILINE)):
        if number % 2:
            yield format_html('<pre class="code-block">{}</pre>', part.strip("\n"))
            continue
        for kind, group in groupby(part.splitlines(), key=_kind):
            lines = list(group)
            if kind != "blank":
                yield _RENDERERS[kind](lines)


def _kind(line: str) -> str:
    if not line.strip():
        return "blank"
    if _HEADING.match(line):
        return "heading"
    if _ITEM.match(line):
        return "list"
    return "table" if line.lstrip().startswith("|") else "paragraph"


def _headings(lines: list[str]) -> SafeString:
    found = [_HEADING.match(line) for line in lines]
    return format_html_join(
        "", '<h3 class="section-title mt-6">{}</h3>', ((_inline(one[1]),) for one in found if one)
    )


def _list(lines: list[str]) -> SafeString:
    items = [_ITEM.match(line) for line in lines]
    return format_html(
        '<ul class="list-disc space-y-1 pl-5">{}</ul>',
        format_html_join("", "<li>{}</li>", ((_inline(one[1]),) for one in items if one)),
    )


def _table(lines: list[str]) -> SafeString:
    rows = [_cells(line) for line in lines if not _RULE.fullmatch(line)] or [[]]
    head = format_html_join("", '<th scope="col">{}</th>', ((_inline(c),) for c in rows[0]))
    body = format_html_join(
        "",
        "<tr>{}</tr>",
        (
            (format_html_join("", "<td>{}</td>", ((_inline(cell),) for cell in row)),)
            for row in rows[1:]
        ),
    )
    return format_html(
        '<div class="table-scroll"><table class="table"><thead><tr>{}</tr></thead>'
        "<tbody>{}</tbody></table></div>",
        head,
        body,
    )


def _paragraph(lines: list[str]) -> SafeString:
    return format_html("<p>{}</p>", _inline(" ".join(line.strip() for line in lines)))


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def _inline(text: str) -> SafeString:
    out, end = mark_safe(""), 0
    for found in _INLINE.finditer(text):
        out += format_html("{}{}", text[end : found.start()], _span(found))
        end = found.end()
    return out + format_html("{}", text[end:])


def _span(found: re.Match[str]) -> SafeString:
    code, bold, label, url = found.groups()
    if code:
        return format_html("<code>{}</code>", code)
    if bold:
        return format_html("<strong>{}</strong>", bold)
    return format_html(
        '<a class="link" rel="nofollow noopener noreferrer" href="{}">{}</a>', url, label
    )


_RENDERERS = {
    "heading": _headings,
    "list": _list,
    "table": _table,
    "paragraph": _paragraph,
}
