"""Giving those who are customers already another price book, from their next month on."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from modelmill.billing.models import BookChange, BookGrant, PriceBook, Subscription
from modelmill.billing.months import month_next, month_start
from modelmill.billing.pinning import book_times
from modelmill.billing.subscriptions import subscription_ensure
from modelmill.core.clock import database_now
from modelmill.core.errors import Conflict
from modelmill.core.scope import tenant_scope
from modelmill.tenants.models import Tenant
from modelmill.tenants.services import operator_record

MOVED = "prices.moved"


def move_starts_at(book: PriceBook, *, now: datetime | None = None) -> datetime:
    """Return when one who is moved to a book now has it: a month's beginning, in UTC.

    The running period keeps its prices, and no book holds before its day. ``now`` is the
    database's time, where it was asked already.
    """
    starts_at = book.effective_from
    if starts_at != month_start(starts_at):
        starts_at = month_next(starts_at)
    return max(month_next(now or database_now()), starts_at)


def subscription_move(
    tenant: Tenant, *, book: PriceBook, actor: str, grant: BookGrant | None = None
) -> datetime:
    """Give a tenant a book from its next month on, or when all have it; return when.

    What was planned for then or later is planned no more; a second call changes nothing.
    Its own log says so. Raises ``Conflict`` for a book in another currency, for the balance
    and what was invoiced are in the old one, where the month began in the meantime, and where
    another book was given to all since ``grant``.
    """
    starts_at = grant.starts_at if grant else move_starts_at(book)
    with tenant_scope(tenant.id), transaction.atomic():
        subscription = subscription_ensure(tenant)
        # Held, so that two operators plan one after the other.
        subscription = Subscription.objects.select_for_update().get(pk=subscription.pk)
        # Asked once it is held: what was used in a month that began has its prices.
        if database_now() >= starts_at:
            raise Conflict(_("A month began in the meantime. Give the book once more."))
        # Behind the lock, too: whoever gives all another one comes to this tenant later.
        if grant and not _is_newest(grant):
            raise Conflict(_("Somebody gave everyone another book meanwhile. Look at it first."))
        times = book_times(tenant.id)
        _check_currency(book, slug=tenant.slug, currency=subscription.book.currency)
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
    """Give every tenant a book from its next month on; return how many, and when that is.

    Whoever signs up until then is given it, too. All from the same moment, each in a transaction
    of its own: after a call that was cut off, the next goes on with those who are left. Raises
    ``Conflict``, before anybody has it, when one pays in another currency.
    """
    starts_at = move_starts_at(book)
    others = Subscription.objects.exclude(book__currency=book.currency)
    other = others.select_related("tenant", "book").order_by("pk").first()
    if other is not None:
        _check_currency(book, slug=other.tenant.slug, currency=other.book.currency)
    with transaction.atomic():
        BookGrant.objects.filter(starts_at__gt=starts_at).delete()
        grant, _is_new = BookGrant.objects.update_or_create(
            starts_at=starts_at, defaults={"book": book, "created_at": database_now()}
        )
    # Read after that was committed: who is not among these yet finds the grant.
    tenants = list(Tenant.objects.order_by("pk"))
    for tenant in tenants:
        subscription_move(tenant, book=book, actor=actor, grant=grant)
    return len(tenants), starts_at


def _is_newest(grant: BookGrant) -> bool:
    newest = BookGrant.objects.order_by("-created_at", "-pk").first()
    return newest is not None and (newest.pk, newest.book_id) == (grant.pk, grant.book_id)


def _check_currency(book: PriceBook, *, slug: str, currency: str) -> None:
    if currency != book.currency:
        raise Conflict(
            _(
                "%(slug)s pays in %(currency)s, and this book is in %(other)s: publish one in "
                "its currency."
            )
            % {"slug": slug, "currency": currency, "other": book.currency}
        )
