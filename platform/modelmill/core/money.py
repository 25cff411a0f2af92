"""Exact money: integers in micro-units of a currency, fractions in between, never a float.

One micro-unit is 10⁻⁶ of the currency unit (1 USD = 1,000,000 micro). Amounts
are rounded half up, in one place per document.
"""

from collections.abc import Sequence
from decimal import Decimal, DecimalException
from fractions import Fraction

MICRO = 1_000_000
MICRO_PER_CENT = 10_000
_MICRO_MAX = 2**63 - 1


def round_half_up(amount: Fraction) -> int:
    """Round an exact amount to an integer, halves away from zero."""
    if amount < 0:
        return -round_half_up(-amount)
    return (2 * amount.numerator + amount.denominator) // (2 * amount.denominator)


def micro_to_cents(amount_micro: int) -> int:
    """Round micro-units to cents, halves away from zero."""
    return round_half_up(Fraction(amount_micro, MICRO_PER_CENT))


def allocate_largest_remainder(parts_micro: Sequence[int], total_cents: int) -> list[int]:
    """Split ``total_cents`` over parts so that each is its own amount, within one cent.

    The largest remainder method: everyone gets the floor, and the cents left go
    to the largest remainders, ties to the earlier part. The result sums to
    ``total_cents`` exactly when it lies within ``len(parts)`` cents of the sum.
    """
    floors = [part // MICRO_PER_CENT for part in parts_micro]
    remainders = [part % MICRO_PER_CENT for part in parts_micro]
    missing = total_cents - sum(floors)
    order = sorted(range(len(floors)), key=lambda i: (-remainders[i], i))
    for place in order[:missing]:
        floors[place] += 1
    return floors


def micro_read(text: str) -> int | None:
    """Read an amount as in ``12.50``, exactly; None for what is no amount of whole micro-units.

    What no column could hold is none either.
    """
    try:
        exact = Decimal(text) * MICRO
    except DecimalException:
        return None
    # Before it is made an integer: ``1e999999`` would be one with a million digits.
    if not exact.is_finite() or abs(exact) > _MICRO_MAX or exact != int(exact):
        return None
    return int(exact)


def micro_text(amount_micro: int, *, currency: str = "USD", places: int = 6) -> str:
    """Write an amount for people: ``12.345678 USD``."""
    sign = "-" if amount_micro < 0 else ""
    whole, rest = divmod(abs(amount_micro), MICRO)
    return f"{sign}{whole:,}.{rest:06d}"[: None if places == 6 else places - 6] + f" {currency}"


def amount_text(amount_micro: int, *, currency: str = "USD") -> str:
    """Write an amount to the cent, for those who look at it; a smaller one keeps its digits."""
    if amount_micro and abs(amount_micro) < MICRO_PER_CENT:
        return micro_text(amount_micro, currency="").strip().rstrip("0") + f" {currency}"
    cents = micro_to_cents(amount_micro)
    return micro_text(cents * MICRO_PER_CENT, currency=currency, places=2)


def price_text(amount_micro: int, *, currency: str = "USD") -> str:
    """Write a price with its cents, and with the digits after them that are not zero."""
    digits, unit = micro_text(amount_micro, currency=currency).split(" ", 1)
    cents_end = digits.index(".") + 3
    return f"{digits[:cents_end]}{digits[cents_end:].rstrip('0')} {unit}".strip()
