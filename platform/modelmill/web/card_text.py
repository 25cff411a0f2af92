"""A plugin's model card as HTML: a few forms of Markdown, and everything else as plain text.

The card comes from a plugin's author. Nothing of it is HTML of their own: every text is escaped,
and a link goes to https alone.
"""

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext
from modelmill_sdk.cards import CardBlock, card_blocks

_INLINE = re.compile(r"`([^`]+)`|\*\*([^*]+)\*\*|\[([^\[\]]+)\]\((https://[^\s)]+)\)")

Rows = Sequence[Sequence[SafeString]]


def card_html(text: str, *, texts: Mapping[str, str] = MappingProxyType({})) -> SafeString:
    """Render headings, paragraphs, lists, tables, code, bold and https links.

    ``texts`` are translations of the card's texts; one that is missing stays as it is.
    """
    return format_html_join("\n", "{}", ((_block(one, texts),) for one in card_blocks(text)))


def _block(block: CardBlock, texts: Mapping[str, str]) -> SafeString:
    if block.kind == "code":
        return format_html('<pre class="code-block">{}</pre>', block.rows[0][0])
    rows = [[_inline(texts.get(one, one)) for one in row] for row in block.rows]
    return _RENDERERS[block.kind](rows)


def _headings(rows: Rows) -> SafeString:
    return format_html_join("", '<h3 class="section-title mt-6">{}</h3>', rows)


def _list(rows: Rows) -> SafeString:
    return format_html(
        '<ul class="list-disc space-y-1 pl-5">{}</ul>',
        format_html_join("", "<li>{}</li>", rows),
    )


def _table(rows: Rows) -> SafeString:
    cells = [[(cell,) for cell in row] for row in rows] or [[]]
    head = format_html_join("", '<th scope="col">{}</th>', cells[0])
    body = format_html_join(
        "",
        "<tr>{}</tr>",
        ((format_html_join("", "<td>{}</td>", row),) for row in cells[1:]),
    )
    return format_html(
        '<div class="table-scroll" tabindex="0" role="group" aria-label="{}">'
        '<table class="table card-table"><thead><tr>{}</tr></thead>'
        "<tbody>{}</tbody></table></div>",
        gettext("Table"),
        head,
        body,
    )


def _paragraph(rows: Rows) -> SafeString:
    return format_html_join("", "<p>{}</p>", rows)


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
