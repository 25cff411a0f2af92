"""What the last thirty days brought in: by tenant and by plugin, beside the use behind it."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.http import HttpResponse
from django.urls import path
from django.utils import timezone

from modelmill.billing.rating import RatedBill, RatedLine
from modelmill.billing.selectors import usage_bill
from modelmill.cockpit.framework import OperatorRequest, operator_page, operator_render
from modelmill.core.scope import tenant_scope
from modelmill.metering.meters import quantity_text
from modelmill.metering.titles import MeterTitles
from modelmill.tenants.models import Tenant
from modelmill.tenants.selectors import tenant_list_all

_DAYS: Final = 30
# Each tenant is rated with its own price book, so the page costs a few queries for each.
_TENANTS: Final = 100


@dataclass(frozen=True, kw_only=True)
class PluginUse:
    """All tenants' use of one meter of one plugin."""

    plugin: str
    meter: str
    quantity: str
    unbilled: str
    amount_micro: int


@operator_page
def revenue(request: OperatorRequest) -> HttpResponse:
    """Show revenue and use of the last thirty days."""
    end = timezone.now()
    start = end - timedelta(days=_DAYS)
    bills = [(one, _bill(one, start=start, end=end)) for one in tenant_list_all()[:_TENANTS]]
    earning = [(one, bill) for one, bill in bills if bill.lines]
    context = {
        "days": _DAYS,
        "total_micro": sum(bill.subtotal_micro for _one, bill in earning),
        "tenants": sorted(earning, key=lambda pair: -pair[1].subtotal_micro),
        "uses": _by_plugin((line for _one, bill in earning for line in bill.lines), MeterTitles()),
        "capped": len(bills) == _TENANTS,
    }
    return operator_render(request, "cockpit/revenue.html", context)


def _bill(tenant: Tenant, *, start: datetime, end: datetime) -> RatedBill:
    with tenant_scope(tenant.pk):
        return usage_bill(tenant.pk, start=start, end=end)


def _by_plugin(lines: Iterable[RatedLine], titles: MeterTitles) -> list[PluginUse]:
    sums: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0, 0])
    for line in lines:
        found = sums[line.plugin_id, line.meter]
        found[0 if line.billable else 1] += line.qty
        found[2] += line.amount_micro
    return [
        PluginUse(
            plugin=titles.plugin(plugin_id),
            meter=titles.of(meter, plugin_id),
            quantity=quantity_text(meter, qty),
            unbilled=quantity_text(meter, unbilled) if unbilled else "",
            amount_micro=amount,
        )
        for (plugin_id, meter), (qty, unbilled, amount) in sorted(sums.items())
    ]


routes = [path("cockpit/revenue", revenue, name="revenue")]
