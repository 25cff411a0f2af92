"""Which plan the tenant in scope is on, asked of the room that knows."""

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet

PlanCodes = Callable[[], QuerySet[Any, Any]]

_asked: list[PlanCodes] = []


def plan_codes_register(plan_codes: PlanCodes) -> None:
    """Let ``plan_codes`` say which plan the tenant in scope is on, as a query of one column.

    A query and not a value, so that it becomes part of the catalog's own and costs no other.
    """
    _asked[:] = [plan_codes]


def plan_codes() -> QuerySet[Any, Any]:
    """Return the query of the plan that the tenant in scope is on."""
    return _asked[0]()
