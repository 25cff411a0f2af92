"""Closing a period into an invoice: all of it or nothing, and once."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from modelmill.billing.bills import bill_sha256, period_bill, usage_bill_of
from modelmill.billing.costs import subjects_cost_micro
from modelmill.billing.documents import document_request
from modelmill.billing.dues import dues_moves
from modelmill.billing.journal import Move, balance_lock, journal_post
from modelmill.billing.models import (
    Balance,
    Invoice,
    InvoiceLine,
    InvoiceSeries,
    PriceBook,
    Reservation,
    Subscription,
)
from modelmill.billing.models.money import Account
from modelmill.billing.months import month_next, month_start
from modelmill.billing.pinning import BookTimes, book_times
from modelmill.billing.rating import RatedBill
from modelmill.catalog.meters import meter_titles_declared
from modelmill.core.clock import database_now
from modelmill.core.errors import InvalidRequest
from modelmill.core.killpoints import killpoint
from modelmill.core.money import MICRO_PER_CENT
from modelmill.core.scope import system_scope
from modelmill.metering.sealing import usage_seal

# Usage that was under way at midnight gets this long to arrive in its own month.
_GRACE = timedelta(minutes=10)
_NAME_MAX = 200
_TITLE_MAX = 200


def invoice_close(*, tenant_id: str, end: datetime | None = None) -> Invoice | None:
    """Close as ``invoices_close`` does; return the invoice of the period that ends last.

    None where nothing was used in that one.
    """
    end = end or database_now()
    invoices = invoices_close(tenant_id=tenant_id, end=end)
    return next((one for one in invoices if one.period_end == end), None)


def invoices_close(*, tenant_id: str, end: datetime | None = None) -> list[Invoice]:
    """Close the tenant's open period at ``end`` (default: now) and invoice it.

    The period is ``[where the last one ended, end)``; where the tenant's prices changed
    within, one period ends and the next begins. First its usage is sealed
    and summed; then lines, number, journal, the document's order and the next
    period's beginning are one transaction. A period without usage is closed
    without an invoice and without a number. Closing again at the same
    ``end`` returns the invoice that is there. Raises ``InvalidRequest`` when
    ``end`` lies in the future.
    """
    now = database_now()
    end = end or now
    if end > now:
        raise InvalidRequest("A period can be closed when it is over, not before.", param="end")
    times = book_times(tenant_id)
    since = times.subscription.period_start
    # One period, one book: where the prices change, the period before ends.
    ends = [one.starts_at for one in times.changes if since < one.starts_at < end]
    closed = [_close(tenant_id, times=times, end=one, now=now) for one in [*ends, end]]
    return [invoice for invoice in closed if invoice is not None]


def invoices_due(now: datetime) -> Iterator[tuple[str, datetime]]:
    """Yield (tenant id, month's end) for every tenant with a calendar month, in UTC, to close."""
    last_end = month_start(now - _GRACE)
    with system_scope("the month closes for every tenant"):
        open_since = list(
            Subscription.objects.filter(period_start__lt=last_end)
            .order_by("tenant_id")
            .values_list("tenant_id", "period_start")
        )
    for tenant_id, start in open_since:
        while (end := month_next(start)) <= last_end:
            yield tenant_id, end
            start = end


def _close(tenant_id: str, *, times: BookTimes, end: datetime, now: datetime) -> Invoice | None:
    # A transaction of its own: writers of usage hold the tenant's time first and
    # its money second, so nobody may wait for the time while holding the money.
    usage_seal(tenant_id=tenant_id, through=end)
    killpoint("close.sealed")
    with transaction.atomic():
        balance = balance_lock(tenant_id)
        subscription = Subscription.objects.get(tenant_id=tenant_id)
        if end <= subscription.period_start:
            return Invoice.objects.filter(subscription=subscription, period_end=end).first()
        book = times.book_at(subscription.period_start)
        _settle(subscription, balance, end=end)
        invoice = _draft(subscription, balance, book=book, end=end)
        killpoint("close.rated")
        _give_back(subscription, balance, times=times, end=end, now=now)
        subscription.period_start = end
        subscription.save(update_fields=["period_start"])
        if invoice is not None:
            _finalize(invoice, now=now)
            document_request(invoice, language=invoice.tenant.language)
        killpoint("close.before_commit")
    killpoint("close.after_commit")
    return invoice


def _settle(subscription: Subscription, balance: Balance, *, end: datetime) -> None:
    """Pay what is due first: money may have lain there since before payments did so themselves."""
    journal_post(
        balance,
        key=f"{subscription.id}:dues:{end.isoformat()}",
        moves=dues_moves(balance, wallet_micro=balance.wallet_micro),
        subject=subscription.id,
    )


def _draft(
    subscription: Subscription, balance: Balance, *, book: PriceBook, end: datetime
) -> Invoice | None:
    start = subscription.period_start
    bill = period_bill(book_id=book.id, start=start, end=end)
    if not bill.lines:
        return None
    tenant = subscription.tenant
    invoice = Invoice.objects.create(
        tenant=tenant,
        subscription=subscription,
        book=book,
        period_start=start,
        period_end=end,
        currency=book.currency,
        tenant_name=tenant.name,
        seller_name=settings.OPERATOR_NAME[:_NAME_MAX],
        seller_address=settings.OPERATOR_ADDRESS,
        seller_tax_number=settings.OPERATOR_TAX_NUMBER,
        buyer_name=tenant.billing_name or tenant.name,
        buyer_address=tenant.billing_address,
        buyer_tax_number=tenant.tax_number,
        subtotal_micro=bill.subtotal_micro,
        total_cents=bill.total_cents,
        lines_sha256=bill_sha256(bill, book_id=book.id, start=start, end=end),
    )
    InvoiceLine.objects.bulk_create(_lines(invoice, bill))
    _take_reserved(invoice, balance)
    _pay(invoice, balance)
    return invoice


def _lines(invoice: Invoice, bill: RatedBill) -> Iterator[InvoiceLine]:
    declared = meter_titles_declared()
    for position, line in enumerate(bill.lines, start=1):
        yield InvoiceLine(
            tenant_id=invoice.tenant_id,
            invoice=invoice,
            position=position,
            meter=line.meter,
            meter_title=declared.get((line.meter, line.plugin_id), "")[:_TITLE_MAX],
            plugin_id=line.plugin_id,
            billable=line.billable,
            title=line.rate.title if line.rate else "",
            qty=line.qty,
            event_count=line.event_count,
            price_micro=line.rate.amount_micro if line.rate else None,
            price_per=line.rate.per if line.rate else None,
            amount_micro=line.amount_micro,
            amount_cents=line.amount_cents,
        )


def _take_reserved(invoice: Invoice, balance: Balance) -> None:
    """Let work that goes on pay for its part of this period from what it has set aside."""
    open_rows = Reservation.objects.filter(closed_at=None).exclude(subject="")
    held = {one.subject: one for one in open_rows.select_for_update()}
    costs = subjects_cost_micro(invoice.tenant_id, held, end=invoice.period_end)
    moves = []
    for subject, cost_micro in costs.items():
        reservation = held[subject]
        billed_micro = min(cost_micro, reservation.amount_micro)
        part_micro = max(0, billed_micro - reservation.billed_micro)
        reservation.billed_micro += part_micro
        moves.append(Move(Account.RESERVED, Account.UNBILLED, part_micro))
    Reservation.objects.bulk_update(held.values(), ["billed_micro"])
    journal_post(balance, key=f"{invoice.id}:reserved", moves=moves, subject=invoice.id)


def _pay(invoice: Invoice, balance: Balance) -> None:
    """Pay in whole cents: first from what finished work set aside, then from the wallet."""
    held_cents = (balance.unbilled_micro + balance.wallet_micro) // MICRO_PER_CENT
    invoice.paid_cents = min(invoice.total_cents, held_cents)
    # Before anything comes back to the wallet: that pays what is due, this one's part too.
    invoice.save(update_fields=["paid_cents"])
    paid_micro = invoice.paid_cents * MICRO_PER_CENT
    from_unbilled = min(balance.unbilled_micro, paid_micro)
    journal_post(
        balance,
        key=f"{invoice.id}:finalize",
        moves=[
            Move(Account.UNBILLED, Account.REVENUE, from_unbilled),
            Move(Account.WALLET, Account.REVENUE, paid_micro - from_unbilled),
            Move(Account.RECEIVABLE, Account.REVENUE, invoice.owed_cents * MICRO_PER_CENT),
        ],
        subject=invoice.id,
    )


def _give_back(
    subscription: Subscription, balance: Balance, *, times: BookTimes, end: datetime, now: datetime
) -> None:
    """Return to the wallet what is set aside beyond what the open period has cost.

    Roundings leave a micro-unit here and there, and work whose price fell while it went on.
    """
    open_end = now + timedelta(days=1)
    open_micro = usage_bill_of(times, start=end, end=open_end).subtotal_micro
    back_micro = max(0, balance.unbilled_micro - open_micro)
    journal_post(
        balance,
        key=f"{subscription.id}:give-back:{end.isoformat()}",
        moves=[
            Move(Account.UNBILLED, Account.WALLET, back_micro),
            *dues_moves(balance, wallet_micro=balance.wallet_micro + back_micro),
        ],
        subject=subscription.id,
    )


def _finalize(invoice: Invoice, *, now: datetime) -> None:
    """Give the next number of the year's series; its lock, taken last, keeps it without gaps."""
    name = f"{now:%Y}"
    InvoiceSeries.objects.get_or_create(name=name)
    series = InvoiceSeries.objects.select_for_update().get(name=name)
    series.last_number += 1
    series.save(update_fields=["last_number"])
    killpoint("close.numbered")
    invoice.series, invoice.number = series, series.last_number
    invoice.state, invoice.finalized_at = Invoice.State.FINALIZED, now
    invoice.save()
