"""Prices as people read them: per hour, per million, per GiB and month."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from modelmill.billing.rating import Rates, rate_for
from modelmill.billing.selectors import tenant_rates
from modelmill.core.money import round_half_up
from modelmill.metering.meters import METERS, meter_title

_UNITS: Final[dict[str, tuple[int, str | Promise]]] = {
    "cpu_ms": (3_600_000, _("per hour")),
    "gpu_ms": (3_600_000, _("per hour")),
    "tokens_in": (1_000_000, _("per million")),
    "tokens_out": (1_000_000, _("per million")),
    "requests": (1_000, _("per thousand")),
    "byte_hours": ((1 << 30) * 730, _("per GiB and month")),
}
TRAINING_METERS: Final = ("cpu_ms", "gpu_ms")
_NO_TITLES: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class ShownPrice:
    """What one unit of a meter costs; None is free."""

    title: str
    unit: str | Promise
    amount_micro: int | None


def prices_for(
    tenant_id: str,
    *,
    plugin_id: str,
    meters: Iterable[str],
    titles: Mapping[str, str] = _NO_TITLES,
) -> list[ShownPrice]:
    """Return the tenant's prices of a plugin's meters.

    ``titles`` name the meters that the plugin counts itself; ours keep their own.
    """
    rates = tenant_rates(tenant_id)
    return [
        _price(rates, meter=meter, plugin_id=plugin_id, title=titles.get(meter, meter))
        for meter in meters
    ]


def _price(rates: Rates, *, meter: str, plugin_id: str, title: str) -> ShownPrice:
    rate = rate_for(rates, meter=meter, plugin_id=plugin_id)
    qty, unit = _UNITS.get(meter, (1, _("each")))
    amount = None if rate is None else round_half_up(rate.exact_micro(qty))
    shown = meter_title(meter) if meter in METERS else title
    return ShownPrice(title=shown, unit=unit, amount_micro=amount)
