"""Which price book holds for a tenant, and when: a period keeps the one it began with."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from modelmill.billing.books import book_rates
from modelmill.billing.models import BookChange, PriceBook, Subscription
from modelmill.billing.rating import Rates
from modelmill.billing.subscriptions import subscription_for
from modelmill.core.clock import database_now


@dataclass(frozen=True, kw_only=True)
class BookTimes:
    """A subscription's books: the one it was made with, and the changes since, by time.

    Changes are at the beginnings of months in UTC, so no hour or day has two books.
    """

    subscription: Subscription
    changes: list[BookChange]

    def book_at(self, moment: datetime) -> PriceBook:
        """Return the book that holds at a moment."""
        begun = [change for change in self.changes if change.starts_at <= moment]
        return begun[-1].book if begun else self.subscription.book

    def book_now(self) -> PriceBook:
        """Return the book that holds now; asks for the time only if it matters."""
        return self.book_at(database_now()) if self.changes else self.subscription.book

    def rates_at(self, moment: datetime) -> Rates:
        """Return the rates that hold at a moment."""
        return book_rates(self.book_at(moment).pk)

    def planned(self) -> BookChange | None:
        """Return the next change that is still to come."""
        now = database_now() if self.changes else None
        return next((one for one in self.changes if now and one.starts_at > now), None)

    def parts(
        self, *, start: datetime | None = None, end: datetime | None = None
    ) -> Iterator[tuple[datetime | None, datetime | None, str]]:
        """Cut ``[start, end)``, None being without bound, into parts with one book each."""
        at, book_id = start, self.subscription.book_id
        for change in self.changes:
            if end is not None and change.starts_at >= end:
                break
            if at is None or at < change.starts_at:
                yield at, change.starts_at, book_id
                at = change.starts_at
            book_id = change.book_id
        yield at, end, book_id


def book_times(tenant_id: str) -> BookTimes:
    """Return which book holds when. One query; two for those whose prices were changed."""
    subscription = subscription_for(tenant_id)
    changes: list[BookChange] = []
    if subscription.has_changes:
        rows = BookChange.objects.filter(subscription=subscription)
        changes = list(rows.select_related("book").order_by("starts_at"))
    return BookTimes(subscription=subscription, changes=changes)
