"""The billing room's reads."""

from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from django.db.models import CharField, Count, F, OuterRef, Prefetch, QuerySet, Subquery
from django.db.models.functions import Coalesce, Now

from modelmill.billing.bills import bill_sha256, period_bill, usage_bill_of
from modelmill.billing.books import LAST_FIRST, book_rates
from modelmill.billing.dues import with_payments
from modelmill.billing.models import (
    Balance,
    BookChange,
    Invoice,
    InvoiceLine,
    Price,
    PriceBook,
    Reservation,
    Subscription,
)
from modelmill.billing.pinning import BookTimes, book_times
from modelmill.billing.rating import Rate, RatedBill, Rates, rate_for
from modelmill.billing.subscriptions import subscription_for, welcome_micro
from modelmill.core.clock import database_now
from modelmill.core.errors import NotFound
from modelmill.core.money import MICRO_PER_CENT, round_half_up
from modelmill.metering.models import UsageEvent
from modelmill.metering.selectors import usage_events


@dataclass(frozen=True, kw_only=True)
class BalanceSummary:
    """A tenant's money now. ``wallet_micro`` is what new work may be reserved from.

    ``accrued_micro`` is what the open period's usage costs so far;
    ``unbilled_micro`` of it is set aside already, for finished work.
    ``welcome_micro`` is what a new organisation begins with, whatever plan this one is on.
    """

    currency: str
    wallet_micro: int
    reserved_micro: int
    unbilled_micro: int
    accrued_micro: int
    due_cents: int
    welcome_micro: int
    period_start: datetime


@dataclass(frozen=True, kw_only=True)
class EventPrice:
    """What one event costs, exactly and to the micro-unit; without a rate it is free."""

    rate: Rate | None
    exact_micro: Fraction

    @property
    def amount_micro(self) -> int:
        """The amount to show; exact sums are made of ``exact_micro``."""
        return round_half_up(self.exact_micro)


def access_reservation(reservation_id: str) -> Reservation:
    """Return one reservation in scope, or raise ``NotFound``."""
    found = Reservation.objects.filter(pk=reservation_id).first()
    if found is None:
        raise NotFound("There is no such reservation.")
    return found


def wallet_balance(tenant_id: str) -> int:
    """Return the micro-units that may be reserved now."""
    subscription_for(tenant_id)
    return Balance.objects.get(tenant_id=tenant_id).wallet_micro


def balance_summary(tenant_id: str, *, times: BookTimes | None = None) -> BalanceSummary:
    """Return the tenant's money and what the open period costs so far."""
    times = times or book_times(tenant_id)
    subscription = times.subscription
    balance = Balance.objects.get(tenant_id=tenant_id)
    return BalanceSummary(
        currency=subscription.book.currency,
        wallet_micro=balance.wallet_micro,
        reserved_micro=balance.reserved_micro,
        unbilled_micro=balance.unbilled_micro,
        accrued_micro=open_bill(tenant_id, times=times).subtotal_micro,
        due_cents=-balance.receivable_micro // MICRO_PER_CENT,
        welcome_micro=welcome_micro(subscription.plan),
        period_start=subscription.period_start,
    )


def open_bill(tenant_id: str, *, times: BookTimes | None = None) -> RatedBill:
    """Return the open period's bill as it would be now: what the next invoice would say."""
    times = times or book_times(tenant_id)
    start = times.subscription.period_start
    return usage_bill_of(times, start=start, end=max(start, database_now()))


def usage_bill(
    tenant_id: str, *, start: datetime, end: datetime, times: BookTimes | None = None
) -> RatedBill:
    """Return what the usage accounted in ``[start, end)`` costs, line by line."""
    return usage_bill_of(times or book_times(tenant_id), start=start, end=end)


def book_prices(book: PriceBook) -> list[Price]:
    """Return a book's prices, by meter."""
    return list(Price.objects.filter(book=book).order_by("meter", "plugin_id"))


def tenant_rates(tenant_id: str) -> Rates:
    """Return the tenant's rates that hold now by (meter, plugin id)."""
    return book_rates(book_times(tenant_id).book_now().pk)


def event_price(event: UsageEvent, *, rates: Rates) -> EventPrice:
    """Return what one event costs by these rates, which hold at its time. No query."""
    found = rate_for(rates, meter=event.meter, plugin_id=event.plugin_id)
    rate = found if event.billable else None
    return EventPrice(rate=rate, exact_micro=rate.exact_micro(event.qty) if rate else Fraction(0))


def invoice_list() -> QuerySet[Invoice]:
    """Return the invoices in scope with what was paid of each, newest first."""
    return with_payments(Invoice.objects.exclude(state=Invoice.State.DRAFT)).order_by("-id")


def access_invoice(invoice_id: str) -> Invoice:
    """Return one invoice in scope, or raise ``NotFound``."""
    invoice = invoice_list().filter(pk=invoice_id).first()
    if invoice is None:
        raise NotFound("There is no such invoice.")
    return invoice


def invoice_lines(invoice: Invoice) -> QuerySet[InvoiceLine]:
    """Return an invoice's lines in their order."""
    return InvoiceLine.objects.filter(invoice=invoice).order_by("position")


def access_invoice_line(invoice: Invoice, line_id: str) -> InvoiceLine:
    """Return one line of an invoice, or raise ``NotFound``."""
    line = InvoiceLine.objects.select_related("invoice").filter(invoice=invoice, pk=line_id).first()
    if line is None:
        raise NotFound("There is no such line on this invoice.")
    return line


def invoice_line_events(line: InvoiceLine) -> QuerySet[UsageEvent]:
    """Return exactly the events a line is the sum of, newest first."""
    return usage_events(
        start=line.invoice.period_start,
        end=line.invoice.period_end,
        meter=line.meter,
        plugin_id=line.plugin_id,
        billable=line.billable,
    )


def invoice_recomputes(invoice: Invoice) -> bool:
    """Say whether the ledger and the price book still give this invoice, to the last unit."""
    period = {"start": invoice.period_start, "end": invoice.period_end}
    bill = period_bill(book_id=invoice.book_id, **period)
    return bill_sha256(bill, book_id=invoice.book_id, **period) == invoice.lines_sha256


def book_list() -> QuerySet[PriceBook]:
    """Return every price book with its prices, the newest first, for the operator."""
    prices = Prefetch("prices", Price.objects.order_by("plugin_id", "meter"))
    return PriceBook.objects.prefetch_related(prices).order_by(*LAST_FIRST)


@dataclass(frozen=True, kw_only=True)
class BookTenants:
    """How many tenants have a book now, and how many have it from a later month on."""

    now: int
    later: int


def book_tenants() -> dict[str, BookTenants]:
    """Return, by book id, how many of the tenants in scope have it. Two queries."""
    begun = BookChange.objects.filter(subscription=OuterRef("pk"), starts_at__lte=Now())
    latest = Subquery(begun.order_by("-starts_at").values("book_id")[:1])
    held = Subscription.objects.annotate(
        held=Coalesce(latest, F("book_id"), output_field=CharField())
    ).order_by()
    now = dict(held.values_list("held").annotate(Count("pk")))
    planned = BookChange.objects.filter(starts_at__gt=Now()).order_by()
    later = dict(planned.values_list("book_id").annotate(Count("subscription", distinct=True)))
    return {
        book_id: BookTenants(now=now.get(book_id, 0), later=later.get(book_id, 0))
        for book_id in now.keys() | later.keys()
    }
