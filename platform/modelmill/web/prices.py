"""Prices as people read them: per hour, per million, per GiB and month."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from django.conf import settings
from django.utils.translation import gettext as _

from modelmill.billing.rating import Rates, rate_for
from modelmill.billing.selectors import tenant_rates
from modelmill.catalog.models import Release
from modelmill.metering.meters import meter_title

TRAINING_METERS: Final = ("cpu_ms", "gpu_ms")


@dataclass(frozen=True, kw_only=True)
class ShownPrice:
    """What one unit of a meter costs; None is free."""

    title: str
    unit: str
    amount_micro: int | None


def prices_for(
    tenant_id: str,
    *,
    plugin_id: str,
    meters: Iterable[str],
    declared: Mapping[str, str] | None = None,
) -> list[ShownPrice]:
    """Return the tenant's prices of a plugin's meters, named as the plugin ``declared`` them."""
    rates, titles = tenant_rates(tenant_id), declared or {}
    return [
        _price(rates, meter=meter, plugin_id=plugin_id, title=titles.get(meter, ""))
        for meter in meters
    ]


def devices_offered(release: Release) -> int:
    """Return how many devices a training may have at once here, each at these prices."""
    return int(min(settings.DEVICES_PER_JOB, release.devices_most))


def use_prices(tenant_id: str, *, plugin_id: str, declared: Mapping[str, str]) -> list[ShownPrice]:
    """Return what a use of a plugin's model costs: its own meters, and the request."""
    meters = [*declared, "requests"]
    return prices_for(tenant_id, plugin_id=plugin_id, meters=meters, declared=declared)


def _price(rates: Rates, *, meter: str, plugin_id: str, title: str) -> ShownPrice:
    rate = rate_for(rates, meter=meter, plugin_id=plugin_id)
    return ShownPrice(
        title=title or meter_title(meter),
        unit=_(rate.title) if rate else "",
        amount_micro=rate.amount_micro if rate else None,
    )
