"""What usage costs: over time for charts, for one job or prediction, for every tenant."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from modelmill.billing.bills import total_rate
from modelmill.billing.books import book_rates
from modelmill.billing.models import Balance
from modelmill.billing.pinning import BookTimes, book_times
from modelmill.billing.rating import RatedBill, RatedLine, Rates, bill_rate, rate_for
from modelmill.core.money import round_half_up
from modelmill.metering.buckets import usage_buckets
from modelmill.metering.selectors import UsageTotal, usage_of_subjects


@dataclass(frozen=True, kw_only=True)
class CostBucket:
    """One stretch of time, ``[start, end)``: quantity and cost by meter; empty when unused."""

    start: datetime
    end: datetime
    qty: dict[str, int]
    amount_micro: dict[str, int]


@dataclass(frozen=True, kw_only=True)
class TenantMoney:
    """A tenant's money as the operator sees it."""

    tenant_id: str
    wallet_micro: int
    reserved_micro: int
    unbilled_micro: int
    revenue_micro: int
    due_micro: int


def totals_amount_micro(totals: Iterable[UsageTotal], *, rates: Rates) -> int:
    """Return what sums grouped by meter, plugin and billing cost, rounded once."""
    exact = Fraction(0)
    for total in totals:
        rate = rate_for(rates, meter=str(total.meter), plugin_id=str(total.plugin_id))
        if rate and total.billable:
            exact += rate.exact_micro(total.qty)
    return round_half_up(exact)


def cost_buckets(
    times: BookTimes, *, start: datetime, end: datetime, width: str = "1d"
) -> list[CostBucket]:
    """Return quantity and cost by meter in whole buckets ("1m", "1h", "1d"; UTC) over a time.

    What the tenant in scope used, at the prices of its ``times``.
    """
    groups = ("meter", "plugin_id", "billable")
    found = []
    for bucket in usage_buckets(start=start, end=end, width=width, group_by=groups):
        by_meter: dict[str, list[UsageTotal]] = {}
        rates = times.rates_at(bucket.start)
        for total in bucket.totals:
            by_meter.setdefault(str(total.meter), []).append(total)
        found.append(
            CostBucket(
                start=bucket.start,
                end=bucket.end,
                qty={meter: sum(t.qty for t in parts) for meter, parts in by_meter.items()},
                amount_micro={
                    meter: totals_amount_micro(parts, rates=rates)
                    for meter, parts in by_meter.items()
                },
            )
        )
    return found


def subject_bill(tenant_id: str, subject: str) -> RatedBill:
    """Return what one job, prediction or file has cost so far, line by line. Two queries."""
    return _bills(tenant_id, [subject], end=None).get(subject) or bill_rate([])


def subjects_cost_micro(
    tenant_id: str, subjects: Iterable[str], *, end: datetime | None = None
) -> dict[str, int]:
    """Return what each of many jobs or predictions has cost so far. Two queries for all.

    With ``end`` only what was accounted before it.
    """
    bills = _bills(tenant_id, subjects, end=end)
    return {subject: bill.subtotal_micro for subject, bill in bills.items()}


def money_by_tenant() -> dict[str, TenantMoney]:
    """Return the money of every tenant in scope by its id; in system scope, of all."""
    return {
        balance.tenant_id: TenantMoney(
            tenant_id=balance.tenant_id,
            wallet_micro=balance.wallet_micro,
            reserved_micro=balance.reserved_micro,
            unbilled_micro=balance.unbilled_micro,
            revenue_micro=balance.revenue_micro,
            due_micro=-balance.receivable_micro,
        )
        for balance in Balance.objects.all()
    }


def _bills(
    tenant_id: str, subjects: Iterable[str], *, end: datetime | None
) -> dict[str, RatedBill]:
    """Rate what each used, every part of it by the book that held then."""
    wanted, lines = list(subjects), defaultdict[str, list[RatedLine]](list)
    for at, until, book_id in book_times(tenant_id).parts(end=end):
        rates = book_rates(book_id)
        for subject, totals in usage_of_subjects(wanted, start=at, end=until).items():
            lines[subject] += [total_rate(total, rates=rates) for total in totals]
    return {subject: bill_rate(found) for subject, found in lines.items()}
