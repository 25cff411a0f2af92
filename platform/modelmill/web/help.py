"""Help: the customers' documents, as pages for whoever reads them, logged in or not.

They are the same files that a developer reads in ``docs/customers``, in the reader's language where
there is one, with this installation's own address in the examples.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Any, Final

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import path, reverse
from django.utils.translation import get_language
from django.views.decorators.http import require_safe
from markdown_it import MarkdownIt
from markdown_it.token import Token

from modelmill.tenants.models import User
from modelmill.tenants.selectors import tenants_of_user
from modelmill.web.framework import PageRequest, tenant_page

FOLDER: Final = settings.BASE_DIR / "docs" / "customers"
# In the order in which they are read.
PAGES: Final = ("first-steps", "data", "jobs", "searches", "comparing", "predictions")
# What the documents call the installation.
_ADDRESS: Final = "http://127.0.0.1:8000"


@dataclass(frozen=True, kw_only=True)
class Document:
    """A page of help: its name in the path, its title and its text as HTML.

    The text is our own files' and safe to show: what in them looks like HTML is text.
    """

    name: str
    title: str
    html: str


@lru_cache(maxsize=64)
def document(name: str, language: str) -> Document:
    """Read a page in a language, or in English where it is not translated."""
    translated = FOLDER / language / f"{name}.md"
    file = translated if translated.exists() else FOLDER / f"{name}.md"
    first, _, text = file.read_text(encoding="utf-8").partition("\n")
    html = _renderer().render(text.replace(_ADDRESS, settings.PUBLIC_URL))
    return Document(name=name, title=first.lstrip("# "), html=html)


@tenant_page()
def _inside(request: PageRequest, name: str) -> HttpResponseBase:
    return _show(request, name, layout="layouts/app.html")


@require_safe
def help_page(request: HttpRequest, name: str = PAGES[0]) -> HttpResponseBase:
    """Show a page of help, beside the dashboard's menu for who is logged in."""
    if name not in PAGES:
        raise Http404(name)
    if isinstance(request.user, User) and tenants_of_user(request.user):
        return _inside(request, name)
    return _show(request, name, layout="layouts/plain.html")


def _show(request: HttpRequest, name: str, *, layout: str) -> HttpResponse:
    language = get_language() or ""
    return render(
        request,
        "web/help.html",
        {
            "layout": layout,
            "document": document(name, language),
            "documents": [document(each, language) for each in PAGES],
        },
    )


def _renderer() -> MarkdownIt:
    made = MarkdownIt("commonmark", {"html": False}).enable("table")
    made.add_render_rule("fence", _code)
    made.add_render_rule("link_open", _link)
    made.add_render_rule("table_open", lambda *_parts: '<div class="table-scroll"><table>')
    made.add_render_rule("table_close", lambda *_parts: "</table></div>")
    return made


def _code(_self: Any, tokens: Sequence[Token], index: int, _options: Any, _env: Any) -> str:
    shown = {"id": f"code-{index}", "code": tokens[index].content.rstrip("\n")}
    return render_to_string("components/_code.html", shown)


def _link(self: Any, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    """Lead from one document to the page of another."""
    link = tokens[index]
    name = PurePosixPath(str(link.attrGet("href")))
    if name.suffix == ".md" and name.stem in PAGES:
        link.attrSet("href", reverse("web:help_page", args=[name.stem]))
    return str(self.renderToken(tokens, index, options, env))


routes = [
    path("help", help_page, name="help"),
    path("help/<slug:name>", help_page, name="help_page"),
]
