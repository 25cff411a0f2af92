"""The arithmetic of money: pure, exact, rounded in two named places.

A line's exact amount is a fraction; it is rounded once, to micro-units. The sum
of the lines is rounded once, to cents. The cents that the lines show are
allocated by largest remainder, so that they add up to the total.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction

from modelmill.core.money import allocate_largest_remainder, micro_to_cents, round_half_up


@dataclass(frozen=True, kw_only=True)
class Rate:
    """``amount_micro`` micro-units of money for every ``per`` units of a meter."""

    amount_micro: int
    per: int
    title: str

    def exact_micro(self, qty: int) -> Fraction:
        """Return the exact price of a quantity, in micro-units."""
        return Fraction(qty * self.amount_micro, self.per)

    def micro(self, qty: int) -> int:
        """Return the price of a quantity, rounded half up to a micro-unit."""
        return round_half_up(self.exact_micro(qty))


Rates = Mapping[tuple[str, str], Rate]


@dataclass(frozen=True, kw_only=True)
class RatedLine:
    """One line of a bill: a quantity and what it costs."""

    meter: str
    plugin_id: str
    billable: bool
    qty: int
    event_count: int
    rate: Rate | None
    amount_micro: int
    amount_cents: int = 0


@dataclass(frozen=True, kw_only=True)
class RatedBill:
    """Lines and their total; the lines' cents sum to ``total_cents``."""

    lines: list[RatedLine]
    subtotal_micro: int
    total_cents: int


def rate_for(rates: Rates, *, meter: str, plugin_id: str) -> Rate | None:
    """Return the plugin's own rate of a meter, else the one for any plugin, else None: free."""
    return rates.get((meter, plugin_id)) or rates.get((meter, ""))


def line_rate(
    rates: Rates,
    *,
    meter: str,
    plugin_id: str,
    qty: int,
    billable: bool = True,
    event_count: int = 0,
) -> RatedLine:
    """Price a quantity; what is not billable costs nothing and is still a line."""
    rate = rate_for(rates, meter=meter, plugin_id=plugin_id) if billable else None
    return RatedLine(
        meter=meter,
        plugin_id=plugin_id,
        billable=billable,
        qty=qty,
        event_count=event_count,
        rate=rate,
        amount_micro=rate.micro(qty) if rate else 0,
    )


def bill_rate(lines: Iterable[RatedLine]) -> RatedBill:
    """Sum lines, in their order by name, into a bill."""
    ordered = sorted(lines, key=lambda line: (line.meter, line.plugin_id, not line.billable))
    subtotal_micro = sum(line.amount_micro for line in ordered)
    total_cents = micro_to_cents(subtotal_micro)
    cents = allocate_largest_remainder([line.amount_micro for line in ordered], total_cents)
    shown = [
        RatedLine(**{**line.__dict__, "amount_cents": part})
        for line, part in zip(ordered, cents, strict=True)
    ]
    return RatedBill(lines=shown, subtotal_micro=subtotal_micro, total_cents=total_cents)
