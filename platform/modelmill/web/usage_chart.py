"""The chart of what each day cost, meter upon meter."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from django.utils.translation import gettext as _

from modelmill.billing.pinning import BookTimes
from modelmill.billing.rating import line_rate
from modelmill.core.money import MICRO
from modelmill.metering.buckets import UsageBucket
from modelmill.metering.titles import MeterTitles


def cost_chart(
    buckets: Iterable[UsageBucket], times: BookTimes, titles: MeterTitles
) -> dict[str, Any] | None:
    """Return stacked bars of money per day, for ``data-chart``; None when there is nothing."""
    days, costs = [], []
    for bucket in buckets:
        cost: dict[str, int] = defaultdict(int)
        rates = times.rates_at(bucket.start)
        for total in bucket.totals:
            meter = total.meter or ""
            line = line_rate(rates, meter=meter, plugin_id=total.plugin_id or "", qty=total.qty)
            cost[meter] += line.amount_micro
        days.append(int(bucket.start.timestamp()))
        costs.append(cost)
    sums = {meter: sum(cost[meter] for cost in costs) for cost in costs for meter in list(cost)}
    meters = sorted((meter for meter, micro in sums.items() if micro), key=lambda m: -sums[m])
    if not meters:
        return None
    return {
        "time": True,
        "stacked": True,
        "x_name": _("Day"),
        "x": days,
        "series": [
            {
                "label": titles.any(meter),
                # A chart may round; sums of money are made of integers, elsewhere.
                "values": [cost[meter] / MICRO for cost in costs],
                "bars": True,
            }
            for meter in meters
        ],
    }
