"""A period's bill, made from the ledger and a price book: the same every time."""

import hashlib
import json
from dataclasses import replace
from datetime import datetime

from modelmill.billing.books import book_rates
from modelmill.billing.pinning import BookTimes
from modelmill.billing.rating import RatedBill, RatedLine, Rates, bill_rate, line_rate
from modelmill.metering.selectors import UsageTotal, usage_totals


def period_bill(*, book_id: str, start: datetime, end: datetime) -> RatedBill:
    """Rate the usage in scope accounted in ``[start, end)``: a line for each meter and plugin."""
    rates = book_rates(book_id)
    totals = usage_totals(start=start, end=end, group_by=("meter", "plugin_id", "billable"))
    return bill_rate(total_rate(total, rates=rates) for total in totals)


def total_rate(total: UsageTotal, *, rates: Rates) -> RatedLine:
    """Price one sum, grouped by meter, plugin and billing at least."""
    return line_rate(
        rates,
        meter=str(total.meter),
        plugin_id=str(total.plugin_id),
        billable=bool(total.billable),
        qty=total.qty,
        event_count=total.event_count,
    )


def usage_bill_of(times: BookTimes, *, start: datetime, end: datetime) -> RatedBill:
    """Rate the usage accounted in ``[start, end)``, each part of it by the book that held then.

    A meter whose price changed within is one line, without a rate: its parts had two.
    """
    found: dict[tuple[str, str, bool], RatedLine] = {}
    for at, until, book_id in times.parts(start=start, end=end):
        for line in period_bill(book_id=book_id, start=at or start, end=until or end).lines:
            key = (line.meter, line.plugin_id, line.billable)
            found[key] = _added(found[key], line) if key in found else line
    return bill_rate(found.values())


def _added(one: RatedLine, other: RatedLine) -> RatedLine:
    return replace(
        one,
        qty=one.qty + other.qty,
        event_count=one.event_count + other.event_count,
        amount_micro=one.amount_micro + other.amount_micro,
        rate=one.rate if one.rate == other.rate else None,
    )


def bill_sha256(bill: RatedBill, *, book_id: str, start: datetime, end: datetime) -> str:
    """Hash everything a bill says, so that making it again can prove that nothing changed."""
    lines = [
        [
            line.meter,
            line.plugin_id,
            line.billable,
            line.qty,
            line.event_count,
            [line.rate.amount_micro, line.rate.per, line.rate.title] if line.rate else None,
            line.amount_micro,
            line.amount_cents,
        ]
        for line in bill.lines
    ]
    body = {
        "book": book_id,
        "period": [start.isoformat(), end.isoformat()],
        "lines": lines,
        "subtotal_micro": bill.subtotal_micro,
        "total_cents": bill.total_cents,
    }
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
