"""Usage: what was used this month, by day, meter, model and key, down to single events."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import path

from modelmill.billing.rating import Rates, line_rate
from modelmill.billing.selectors import (
    balance_summary,
    event_price,
    price_list,
    tenant_rates,
    usage_bill,
)
from modelmill.core.clock import database_now
from modelmill.metering.buckets import usage_buckets
from modelmill.metering.meters import METERS, meter_title, quantity_text
from modelmill.metering.selectors import usage_events, usage_totals
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
    rates = tenant_rates(tenant_id)
    bill = usage_bill(tenant_id, start=start, end=end)
    context = {
        "month": start,
        "before": start - timedelta(days=1),
        "after": end if end <= database_now() else None,
        "bill": bill,
        "lines": [line for line in bill.lines if line.event_count],
        "balance": balance_summary(tenant_id),
        "chart": cost_chart(usage_buckets(start=start, end=end, width="1d", **_BY_PRICE), rates),
        "by_model": _by("model_id", start, end, rates),
        "by_key": _by("api_key_id", start, end, rates),
        "prices": price_list(tenant_id),
    }
    return render(request, "usage/page.html", context)


@tenant_page(read="billing:read")
def usage_log(request: PageRequest) -> HttpResponse:
    """List the events behind a sum, each with its price."""
    start, end = month_of(request.GET.get("month", ""))
    wanted = {name: request.GET[name] for name in _FILTERS if request.GET.get(name)}
    rows = rows_of(usage_events(start=start, end=end, **wanted), request, size=50)
    context = {
        "month": start,
        "rows": rows,
        "priced": priced(rows.items, tenant_rates(request.caller.tenant.pk)),
        "wanted": {**wanted, "meter": wanted.get("meter", "")},
        "meters": METERS.values(),
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


def priced(events: Any, rates: Rates) -> list[dict[str, Any]]:
    """Return events with their quantity in words and what they cost."""
    return [
        {
            "event": event,
            "title": meter_title(event.meter),
            "quantity": quantity_text(event.meter, event.qty),
            "amount_micro": event_price(event, rates=rates).amount_micro,
        }
        for event in events
    ]


_BY_PRICE: dict[str, Any] = {"group_by": ("meter", "plugin_id"), "where": Q(billable=True)}


def _by(group: str, start: datetime, end: datetime, rates: Rates) -> list[dict[str, Any]]:
    """Sum what each model or key used and cost, the dearest first; rounded for showing only."""
    totals = usage_totals(start=start, end=end, group_by=("meter", "plugin_id", "billable", group))
    names = {key.pk: key.name for key in api_key_list()} if group == "api_key_id" else {}
    sums: dict[str, dict[str, Any]] = {}
    for total in totals:
        name = getattr(total, group)
        if not name:
            continue
        line = line_rate(
            rates,
            meter=total.meter or "",
            plugin_id=total.plugin_id or "",
            qty=total.qty,
            billable=bool(total.billable),
        )
        row = sums.setdefault(name, {"name": names.get(name, name), "id": name, "micro": 0, "n": 0})
        row["micro"] += line.amount_micro
        row["n"] += total.event_count
    return sorted(sums.values(), key=lambda row: -row["micro"])


routes = [
    path("usage", usage, name="usage"),
    path("usage/events", usage_log, name="usage_events"),
]
