"""What a price book may have a price for: every meter that is known, for any plugin or for one."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.utils.translation import gettext as _

from modelmill.billing.rating import Rate, Rates
from modelmill.billing.units import Unit, unit_of
from modelmill.catalog.meters import PluginMeters
from modelmill.core.money import price_text
from modelmill.metering.titles import MeterTitles

# What the platform counts for a plugin's jobs and uses, beside the plugin's own meters.
_OF_EVERY_PLUGIN = ("cpu_ms", "gpu_ms", "requests")
# An amount to show how a field is filled in, where the book has none.
_EXAMPLE_MICRO = 500_000


@dataclass(frozen=True, kw_only=True)
class PriceRow:
    """One price there may be. ``rate`` is the one there is; ``plugin_id`` "" is for any plugin."""

    meter: str
    plugin_id: str
    title: str
    per: int
    unit: str
    ten: str
    rate: Rate | None
    example_micro: int

    @property
    def key(self) -> tuple[str, str]:
        """The price's key in a book."""
        return (self.meter, self.plugin_id)

    @property
    def field(self) -> str:
        """The name of its field: the same whatever is installed in between."""
        return ".".join(filter(None, ["price", *self.key]))

    def example(self, currency: str) -> str:
        """Say what ten units cost at a price."""
        return _("At %(price)s, %(quantity)s cost %(amount)s.") % {
            "price": price_text(self.example_micro, currency=""),
            "quantity": _(self.ten) if self.ten else f"{self.per * 10:,}",
            "amount": price_text(self.example_micro * 10, currency=currency),
        }


@dataclass(frozen=True, kw_only=True)
class PriceGroup:
    """Prices that stand together: those for any plugin, or one plugin's own."""

    plugin_id: str
    title: str
    rows: list[PriceRow]

    @property
    def has_prices(self) -> bool:
        """Whether the book has any of them."""
        return any(row.rate for row in self.rows)


def price_groups(rates: Rates, plugins: list[PluginMeters]) -> list[PriceGroup]:
    """Return what may be priced: first for any plugin, then for each plugin by itself. No query."""
    titles = MeterTitles(plugins)
    known = {plugin.plugin_id: plugin for plugin in plugins}
    for _meter, plugin_id in sorted(rates):
        if plugin_id and plugin_id not in known:
            known[plugin_id] = PluginMeters(plugin_id=plugin_id, title=plugin_id, meters={})
    return [
        PriceGroup(plugin_id="", title="", rows=list(_any_rows(rates, titles))),
        *[
            PriceGroup(
                plugin_id=one.plugin_id, title=one.title, rows=list(_own_rows(rates, one, titles))
            )
            for one in known.values()
        ],
    ]


def _any_rows(rates: Rates, titles: MeterTitles) -> Iterator[PriceRow]:
    priced = [meter for meter, plugin_id in sorted(rates) if not plugin_id]
    for meter in dict.fromkeys([*titles.meters(), *priced]):
        yield _row(rates, meter=meter, plugin_id="", title=titles.any(meter))


def _own_rows(rates: Rates, plugin: PluginMeters, titles: MeterTitles) -> Iterator[PriceRow]:
    priced = [meter for meter, plugin_id in sorted(rates) if plugin_id == plugin.plugin_id]
    for meter in dict.fromkeys([*plugin.meters, *_OF_EVERY_PLUGIN, *priced]):
        title = titles.of(meter, plugin.plugin_id)
        yield _row(rates, meter=meter, plugin_id=plugin.plugin_id, title=title)


def _row(rates: Rates, *, meter: str, plugin_id: str, title: str) -> PriceRow:
    # A plugin's own price is for as much as the one for any plugin, so that they compare.
    alike = rates.get((meter, plugin_id)) or rates.get((meter, ""))
    unit = unit_of(meter)
    if alike is not None and (alike.per, alike.title) != (unit.per, unit.title):
        unit = Unit(per=alike.per, title=alike.title)
    return PriceRow(
        meter=meter,
        plugin_id=plugin_id,
        title=title,
        per=unit.per,
        unit=unit.title,
        ten=unit.ten,
        rate=rates.get((meter, plugin_id)),
        example_micro=(alike and alike.amount_micro) or _EXAMPLE_MICRO,
    )
