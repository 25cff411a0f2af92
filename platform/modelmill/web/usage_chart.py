"""The chart of what each day cost, meter upon meter."""

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _

from modelmill.billing.costs import CostBucket
from modelmill.core.money import MICRO
from modelmill.metering.titles import MeterTitles


def cost_chart(buckets: Sequence[CostBucket], titles: MeterTitles) -> dict[str, Any] | None:
    """Return stacked bars of money per day, for ``data-chart``; None when there is nothing."""
    days = [int(bucket.start.timestamp()) for bucket in buckets]
    costs = [bucket.amount_micro for bucket in buckets]
    known = {meter for cost in costs for meter in cost}
    sums = {meter: sum(cost.get(meter, 0) for cost in costs) for meter in known}
    meters = sorted((meter for meter, micro in sums.items() if micro), key=lambda m: (-sums[m], m))
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
                "values": [cost.get(meter, 0) / MICRO for cost in costs],
                "bars": True,
            }
            for meter in meters
        ],
    }
