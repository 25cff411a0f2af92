"""Giving those who are customers already another price book, from their next month on."""

from datetime import datetime

from django.db import transaction

from modelmill.billing.models import BookChange, PriceBook, Subscription
from modelmill.billing.months import month_next, month_start
from modelmill.billing.pinning import book_times
from modelmill.billing.subscriptions import subscription_ensure
from modelmill.core.clock import database_now
from modelmill.core.errors import Conflict
from modelmill.core.scope import tenant_scope
from modelmill.tenants.models import Tenant
from modelmill.tenants.services import operator_record

MOVED = "prices.moved"


def move_starts_at(book: PriceBook) -> datetime:
    """Return when one who is moved to a book now has it: a month's beginning, in UTC.

    The running period keeps its prices, and no book holds before its day.
    """
    starts_at = book.effective_from
    if starts_at != month_start(starts_at):
        starts_at = month_next(starts_at)
    return max(month_next(database_now()), starts_at)


def subscription_move(tenant: Tenant, *, book: PriceBook, actor: str) -> datetime:
    """Give a tenant a book from its next month on; return when that is.

    What was planned for then or later is planned no more; a second call changes nothing.
    Its own log says so. Raises ``Conflict`` for a book in another currency: the balance
    and what was invoiced are in the old one.
    """
    starts_at = move_starts_at(book)
    with tenant_scope(tenant.id), transaction.atomic():
        subscription = subscription_ensure(tenant)
        # Held, so that two operators plan one after the other.
        subscription = Subscription.objects.select_for_update().get(pk=subscription.pk)
        times = book_times(tenant.id)
        if subscription.book.currency != book.currency:
            raise Conflict(
                f"{tenant.slug} pays in {subscription.book.currency}, and this book is in "
                f"{book.currency}: publish one in its currency."
            )
        planned = [change for change in times.changes if change.starts_at >= starts_at]
        if [change.book_id for change in planned] == [book.pk] or (
            not planned and times.book_at(starts_at).pk == book.pk
        ):
            return starts_at
        BookChange.objects.filter(pk__in=[change.pk for change in planned]).delete()
        BookChange.objects.create(
            tenant=tenant, subscription=subscription, book=book, starts_at=starts_at
        )
        subscription.has_changes = True
        subscription.save(update_fields=["has_changes"])
        operator_record(
            MOVED,
            tenant=tenant,
            actor=actor,
            object_id=book.pk,
            detail={"from": f"{starts_at:%Y-%m-%d}"},
        )
    return starts_at


def subscriptions_move(book: PriceBook, *, actor: str) -> tuple[int, datetime]:
    """Give every tenant a book from its next month on; return how many, and when that is."""
    tenants = list(Tenant.objects.order_by("pk"))
    for tenant in tenants:
        subscription_move(tenant, book=book, actor=actor)
    return len(tenants), move_starts_at(book)
