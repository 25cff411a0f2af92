"""Exact money."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st
from modelmill.core.money import (
    MICRO_PER_CENT,
    allocate_largest_remainder,
    micro_text,
    micro_to_cents,
    round_half_up,
)


@given(st.fractions(min_value=-(10**9), max_value=10**9))
def test_rounding_is_never_more_than_half_away(amount: Fraction) -> None:
    assert abs(round_half_up(amount) - amount) <= Fraction(1, 2)
    assert round_half_up(-amount) == -round_half_up(amount)


@given(st.lists(st.integers(min_value=0, max_value=10**9), min_size=1, max_size=60))
def test_lines_add_up_to_the_document(parts: list[int]) -> None:
    total = micro_to_cents(sum(parts))
    shown = allocate_largest_remainder(parts, total)
    assert sum(shown) == total
    assert all(
        abs(cents * MICRO_PER_CENT - part) < MICRO_PER_CENT
        for cents, part in zip(shown, parts, strict=True)
    )


def test_amounts_are_written_to_the_last_micro_unit() -> None:
    assert micro_text(12_345_678) == "12.345678 USD"
    assert micro_text(-1_500_000, places=2) == "-1.50 USD"
