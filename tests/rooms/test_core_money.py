"""Exact money."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from modelmill.core.money import (
    MICRO_PER_CENT,
    allocate_largest_remainder,
    amount_text,
    micro_read,
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


@pytest.mark.parametrize(
    ("amount_micro", "written"),
    [
        (0, "0.00 USD"),
        (4_332, "0.004332 USD"),
        (-4_000, "-0.004 USD"),
        (9_999, "0.009999 USD"),
        (10_000, "0.01 USD"),
        (1_234_567_890, "1,234.57 USD"),
        (-1_995_000, "-2.00 USD"),
    ],
)
def test_amounts_to_look_at_have_cents_and_small_ones_their_digits(
    amount_micro: int, written: str
) -> None:
    assert amount_text(amount_micro) == written


@given(st.integers(min_value=-(2**53), max_value=2**53))
def test_what_is_written_is_read_as_it_was(amount_micro: int) -> None:
    written = micro_text(amount_micro, currency="").strip().replace(",", "")
    assert micro_read(written) == amount_micro


@pytest.mark.parametrize("text", ["", "ten", "NaN", "Infinity", "0.0000001", "1e99", "1e999999"])
def test_what_is_no_amount_of_money_is_not_read(text: str) -> None:
    assert micro_read(text) is None
