"""Carrying searches on: when one is rung for, and regularly for all that are open."""

from celery import shared_task
from modelmill.core.rows_apart import row_apart
from modelmill.training.searches.services import searches_open

from workers.searching import search_advance

EVERY_S = {"workers.tasks.searches.advance_open": 5.0}


@shared_task(name="workers.tasks.searches.advance")
def advance(*, tenant_id: str, search_id: str) -> bool:
    """Do for one search what can be done now."""
    return search_advance(search_id, tenant_id=tenant_id)


@shared_task(name="workers.tasks.searches.advance_open")
def advance_open() -> int:
    """Do it for every search that is not over; return how many changed."""
    changed = 0
    for tenant_id, search_id in searches_open():
        with row_apart("search_not_advanced", search=search_id):
            changed += search_advance(search_id, tenant_id=tenant_id)
    return changed
