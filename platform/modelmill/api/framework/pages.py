"""Lists in OpenAI's shape: ``after`` the last id you have, ``limit`` at a time."""

from collections.abc import Callable
from typing import Any, TypeVar

from django.db.models import Model, QuerySet, Subquery
from rest_framework.request import Request
from rest_framework.response import Response

from modelmill.core.errors import InvalidRequest

M = TypeVar("M", bound=Model)


def page_of(
    rows: QuerySet[M],
    request: Request,
    *,
    render: Callable[[M], dict[str, Any]],
    default_limit: int = 20,
    max_limit: int = 100,
    ascending: bool = False,
    by: str = "pk",
) -> Response:
    """Answer one page of rows, ordered by their time-ordered ids, newest first. One query.

    ``after`` need not exist any more: ids order by themselves. Where they do not, ``by`` names
    the field that does; nothing comes then after an id that is not in the list.
    Raises ``InvalidRequest`` for a limit that is not 1…``max_limit``.
    """
    limit = _limit(request, default_limit=default_limit, max_limit=max_limit)
    after = request.query_params.get("after")
    if after:
        place = after if by == "pk" else Subquery(rows.order_by().filter(pk=after).values(by))
        rows = rows.filter(**{f"{by}__gt" if ascending else f"{by}__lt": place})
    rows = rows.order_by(by if ascending else f"-{by}")
    found = list(rows[: limit + 1])
    data = [render(row) for row in found[:limit]]
    return Response(
        {
            "object": "list",
            "data": data,
            "first_id": data[0]["id"] if data else None,
            "last_id": data[-1]["id"] if data else None,
            "has_more": len(found) > limit,
        }
    )


def _limit(request: Request, *, default_limit: int, max_limit: int) -> int:
    given = request.query_params.get("limit", str(default_limit))
    if not given.isascii() or not given.isdigit() or not 1 <= int(given) <= max_limit:
        raise InvalidRequest(f"limit must be a whole number from 1 to {max_limit}.", param="limit")
    return int(given)
