"""What a use must find in the wallet while the month before a change of prices is still open."""

from datetime import timedelta

import pytest
from django.utils import timezone
from modelmill.billing import affording
from modelmill.billing.books import book_publish
from modelmill.billing.models import BookChange, PriceBook, Subscription
from modelmill.billing.months import month_start
from modelmill.billing.rating import Rate, Rates
from modelmill.billing.selectors import wallet_balance
from modelmill.billing.services import reservation_open, subscription_ensure
from modelmill.core.errors import QuotaExceeded
from modelmill.metering.services import usage_record
from modelmill.tenants.models import Tenant

METER = "api_requests"


def book(amount_micro: int) -> PriceBook:
    rates: Rates = {}
    if amount_micro:
        rates = {(METER, ""): Rate(amount_micro=amount_micro, per=1, title="each")}
    return book_publish(rates, effective_from=timezone.now())


def changed_with_the_month_before_open(place, *, before: int, after: int) -> None:
    """Give a tenant a thousand uses at one price, and another price since this month began."""
    this_month = month_start(timezone.now())
    last_month = month_start(this_month - timedelta(days=1))
    Tenant.objects.filter(pk=place.tenant.pk).update(created_at=last_month)
    subscription = subscription_ensure(place.tenant)
    BookChange.objects.create(
        tenant=place.tenant, subscription=subscription, book=book(after), starts_at=this_month
    )
    Subscription.objects.filter(pk=subscription.pk).update(
        book=book(before), has_changes=True, period_start=last_month
    )
    usage_record(
        tenant_id=place.tenant.id,
        source="test",
        event_id="january",
        meter=METER,
        qty=1_000,
        occurred_at=this_month - timedelta(milliseconds=1),
    )


def leave(place, wallet_micro: int) -> None:
    taken_micro = wallet_balance(place.tenant.id) - wallet_micro
    reservation_open(tenant_id=place.tenant.id, key="taken", amount_micro=taken_micro)


@pytest.mark.parametrize(("before", "after", "needed"), [(0, 100, 100), (100, 200, 100_200)])
def test_each_month_is_needed_by_its_own_prices(acme, before, after, needed) -> None:
    with acme.scope():
        changed_with_the_month_before_open(acme, before=before, after=after)
        leave(acme, needed)
        affording.use_afford(tenant_id=acme.tenant.id, meter=METER)


def test_what_it_needs_is_not_a_unit_less(acme) -> None:
    with acme.scope():
        changed_with_the_month_before_open(acme, before=100, after=200)
        leave(acme, 100_199)
        with pytest.raises(QuotaExceeded):
            affording.use_afford(tenant_id=acme.tenant.id, meter=METER)
