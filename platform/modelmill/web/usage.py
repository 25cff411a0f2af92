"""Usage: what was used this month, by day, meter, model and key, down to single events."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import path

from modelmill.billing.bills import total_rate
from modelmill.billing.books import book_rates
from modelmill.billing.costs import cost_buckets
from modelmill.billing.pinning import BookTimes, book_times
from modelmill.billing.rating import Rates
from modelmill.billing.selectors import balance_summary, event_price, usage_bill
from modelmill.core.clock import database_now
from modelmill.metering.meters import quantity_text
from modelmill.metering.selectors import UsageTotal, usage_events, usage_totals
from modelmill.metering.titles import MeterTitles
from modelmill.tenants.selectors import api_key_list
from modelmill.web.framework import PageRequest, tenant_page
from modelmill.web.paging import rows_of
from modelmill.web.usage_chart import cost_chart

_FIRST_YEAR = 2000
_FILTERS = ("meter", "plugin_id", "model_id", "api_key_id", "subject")


@tenant_page(read="billing:read")
def usage(request: PageRequest) -> HttpResponse:
    """Show a month's use and what it costs."""
    tenant_id = request.caller.tenant.pk
    start, end = month_of(request.GET.get("month", ""))
    times, titles = book_times(tenant_id), MeterTitles()
    bill = usage_bill(tenant_id, start=start, end=end, times=times)
    context = {
        "month": start,
        "before": start - timedelta(days=1),
        "after": end if end <= database_now() else None,
        "bill": bill,
        "lines": [
            (line, titles.of(line.meter, line.plugin_id), titles.plugin(line.plugin_id))
            for line in bill.lines
            if line.event_count
        ],
        "balance": balance_summary(tenant_id, times=times),
        "chart": cost_chart(cost_buckets(times, start=start, end=end), titles),
        "by_model": _by("model_id", start, end, times),
        "by_key": _by("api_key_id", start, end, times),
    }
    return render(request, "usage/page.html", context)


@tenant_page(read="billing:read")
def usage_log(request: PageRequest) -> HttpResponse:
    """List the events behind a sum, each with its price."""
    start, end = month_of(request.GET.get("month", ""))
    wanted = {name: request.GET[name] for name in _FILTERS if request.GET.get(name)}
    titles = MeterTitles()
    rows = rows_of(usage_events(start=start, end=end, **wanted), request, size=50)
    context = {
        "month": start,
        "rows": rows,
        "priced": priced(
            rows.items,
            rates_at=book_times(request.caller.tenant.pk).rates_at,
            title_of=titles.of,
            plugin_of=titles.plugin,
        ),
        "wanted": {**wanted, "meter": wanted.get("meter", "")},
        "meters": [(meter, titles.any(meter)) for meter in titles.meters()],
    }
    return render(request, "usage/events.html", context)


def month_of(text: str) -> tuple[datetime, datetime]:
    """Return a month's borders in UTC, of ``2026-11`` or, when that is no month, of now."""
    now = database_now().date().replace(day=1)
    try:
        first = date.fromisoformat(f"{text}-01")
    except ValueError:
        first = now
    if not _FIRST_YEAR <= first.year <= now.year:
        first = now
    start = datetime(first.year, first.month, 1, tzinfo=UTC)
    following = start + timedelta(days=32)
    return start, following.replace(day=1)


def priced(
    events: Any,
    *,
    rates_at: Callable[[datetime], Rates],
    title_of: Callable[[str, str], str],
    plugin_of: Callable[[str], str],
) -> list[dict[str, Any]]:
    """Return events with their quantity in words and what they cost."""
    return [
        {
            "event": event,
            "title": title_of(event.meter, event.plugin_id),
            "plugin": plugin_of(event.plugin_id),
            "quantity": quantity_text(event.meter, event.qty),
            "amount_micro": event_price(event, rates=rates_at(event.accounted_at)).amount_micro,
        }
        for event in events
    ]


def _by(group: str, start: datetime, end: datetime, times: BookTimes) -> list[dict[str, Any]]:
    """Sum what each model or key used and cost, the dearest first; rounded for showing only."""
    names = {key.pk: key.name for key in api_key_list()} if group == "api_key_id" else {}
    sums: dict[str, dict[str, Any]] = {}
    groups = ("meter", "plugin_id", "billable", group)
    for at, until, book_id in times.parts(start=start, end=end):
        rates = book_rates(book_id)
        for total in usage_totals(start=at or start, end=until or end, group_by=groups):
            _add(sums, total, group=group, rates=rates, names=names)
    return sorted(sums.values(), key=lambda row: -row["micro"])


def _add(
    sums: dict[str, dict[str, Any]],
    total: UsageTotal,
    *,
    group: str,
    rates: Rates,
    names: Mapping[str, str],
) -> None:
    name = getattr(total, group)
    if not name:
        return
    line = total_rate(total, rates=rates)
    row = sums.setdefault(name, {"name": names.get(name, name), "id": name, "micro": 0, "n": 0})
    row["micro"] += line.amount_micro
    row["n"] += total.event_count


routes = [
    path("usage", usage, name="usage"),
    path("usage/events", usage_log, name="usage_events"),
]
