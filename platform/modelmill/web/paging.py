"""Pages of a long list, newest first, without counting it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.db.models import Model, QuerySet
from django.http import HttpRequest

T = TypeVar("T", bound=Model)


@dataclass(frozen=True, kw_only=True)
class Rows(Generic[T]):
    """One page of rows and the way to its neighbours ("" at the ends)."""

    items: Sequence[T]
    newer_url: str
    older_url: str


def rows_of(queryset: QuerySet[T, Any], request: HttpRequest, *, size: int = 25) -> Rows[T]:
    """Return the page that ``?page=`` names; a number that is none is the first page."""
    text = request.GET.get("page", "1")
    number = min(int(text), 100_000) if text.isascii() and text.isdigit() and int(text) else 1
    start = (number - 1) * size
    # One more than fits tells whether there is an older page.
    found = list(queryset[start : start + size + 1])
    return Rows(
        items=found[:size],
        newer_url=_url(request, number - 1) if number > 1 else "",
        older_url=_url(request, number + 1) if len(found) > size else "",
    )


def _url(request: HttpRequest, number: int) -> str:
    query = request.GET.copy()
    query["page"] = str(number)
    return f"{request.path}?{query.urlencode()}"
