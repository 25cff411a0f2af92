"""Price books: published once, read often."""

import hashlib
import json
from datetime import datetime
from functools import lru_cache

from django.db import transaction
from django.utils import timezone

from modelmill.billing import defaults
from modelmill.billing.models import Price, PriceBook
from modelmill.billing.rating import Rate, Rates
from modelmill.core.errors import NotFound

# Of books. An id is ordered by the millisecond only, and two may have the same one.
LAST_FIRST = ("-effective_from", "-created_at", "-id")


def book_publish(
    rates: Rates, *, effective_from: datetime, currency: str = defaults.CURRENCY
) -> PriceBook:
    """Publish prices that never change; of two books for one moment the later one holds.

    The same prices again are the same book only while it is the last for that moment: after
    others they are a new one, which takes their place.
    """
    last = PriceBook.objects.filter(effective_from=effective_from).order_by(*LAST_FIRST).first()
    if last is None:
        return _stored(rates, effective_from=effective_from, currency=currency)
    if last.currency == currency and book_rates(last.pk) == dict(rates):
        return last
    return _stored(rates, effective_from=effective_from, currency=currency, replaces=last.pk)


def book_current() -> PriceBook:
    """Return the book in force now; the first call publishes the default prices."""
    return book_at(timezone.now())


def book_at(moment: datetime) -> PriceBook:
    """Return the book that those who sign up at a moment get, as far as is known now.

    Of two for the same moment it is the one that was published last.
    """
    books = PriceBook.objects.filter(effective_from__lte=moment)
    return books.order_by(*LAST_FIRST).first() or _stored(
        defaults.RATES, effective_from=defaults.EFFECTIVE_FROM, currency=defaults.CURRENCY
    )


def access_book(book_id: str) -> PriceBook:
    """Return one price book, for the operator, or raise ``NotFound``."""
    book = PriceBook.objects.filter(pk=book_id).first()
    if book is None:
        raise NotFound(f"There is no price book {book_id!a}.")
    return book


@lru_cache(maxsize=256)
def book_rates(book_id: str) -> Rates:
    """Return a book's rates by (meter, plugin id); kept in memory, for a book never changes."""
    return {
        (price.meter, price.plugin_id): Rate(
            amount_micro=price.amount_micro, per=price.per, title=price.title
        )
        for price in Price.objects.filter(book_id=book_id)
    }


def _stored(
    rates: Rates, *, effective_from: datetime, currency: str, replaces: str = ""
) -> PriceBook:
    """Store a book once, however many do so at the same moment."""
    rows = [[*key, rate.amount_micro, rate.per, rate.title] for key, rate in sorted(rates.items())]
    body = {"currency": currency, "effective_from": effective_from.isoformat(), "prices": rows}
    if replaces:
        # Part of what it is: prices that return after others are not the first ones' book.
        body["replaces"] = replaces
    with transaction.atomic():
        book, is_new = PriceBook.objects.get_or_create(
            sha256=hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest(),
            defaults={"currency": currency, "effective_from": effective_from},
        )
        if is_new:
            Price.objects.bulk_create(
                Price(
                    book=book,
                    meter=meter,
                    plugin_id=plugin_id,
                    amount_micro=rate.amount_micro,
                    per=rate.per,
                    title=rate.title,
                )
                for (meter, plugin_id), rate in sorted(rates.items())
            )
    return book
