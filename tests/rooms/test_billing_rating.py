"""The arithmetic of money, against an oracle of plain fractions."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st
from modelmill.billing.rating import Rate, bill_rate, line_rate, rate_for

rates = st.builds(
    Rate,
    amount_micro=st.integers(0, 10**9),
    per=st.sampled_from([1, 1_000, 1_000_000, 3_600_000, 783_831_531_520]),
    title=st.just("x"),
)
quantities = st.integers(0, 2**63 - 1)
lines = st.lists(st.tuples(rates, quantities), max_size=40)


def half_up(amount: Fraction) -> int:
    return int(amount + Fraction(1, 2))


def bill(priced):
    book = {(f"m{n}", ""): rate for n, (rate, _qty) in enumerate(priced)}
    return bill_rate(
        line_rate(book, meter=f"m{n}", plugin_id="any", qty=qty)
        for n, (_rate, qty) in enumerate(priced)
    )


@given(rates, quantities)
def test_a_line_is_rounded_once_from_its_exact_amount(rate, qty) -> None:
    exact = Fraction(qty) * rate.amount_micro / rate.per
    assert rate.exact_micro(qty) == exact
    assert rate.micro(qty) == half_up(exact)
    assert abs(rate.micro(qty) - exact) <= Fraction(1, 2)


@given(rates, quantities, quantities)
def test_more_never_costs_less_and_nothing_costs_nothing(rate, one, two) -> None:
    assert rate.micro(min(one, two)) <= rate.micro(max(one, two))
    assert rate.micro(0) == 0


@given(rates, st.lists(st.integers(0, 2**40), max_size=30))
def test_events_price_to_exactly_their_line(rate, parts) -> None:
    exact = sum((rate.exact_micro(part) for part in parts), Fraction(0))
    assert exact == rate.exact_micro(sum(parts))
    assert half_up(exact) == rate.micro(sum(parts))


@given(lines)
def test_lines_sum_to_the_total_to_the_cent(priced) -> None:
    rated = bill(priced)
    assert rated.subtotal_micro == sum(line.amount_micro for line in rated.lines)
    assert rated.total_cents == half_up(Fraction(rated.subtotal_micro, 10_000))
    assert sum(line.amount_cents for line in rated.lines) == rated.total_cents
    for line in rated.lines:
        assert abs(line.amount_cents - Fraction(line.amount_micro, 10_000)) < 1


@given(lines, st.randoms())
def test_the_order_of_lines_does_not_matter(priced, random) -> None:
    book = {(f"m{n}", ""): rate for n, (rate, _qty) in enumerate(priced)}
    shuffled = list(enumerate(priced))
    random.shuffle(shuffled)
    again = bill_rate(
        line_rate(book, meter=f"m{n}", plugin_id="any", qty=qty) for n, (_rate, qty) in shuffled
    )
    assert again == bill(priced)


def test_a_plugins_own_price_wins_and_no_price_is_free() -> None:
    any_plugin = Rate(amount_micro=1, per=1, title="any")
    own = Rate(amount_micro=0, per=1, title="own")
    book = {("images", ""): any_plugin, ("images", "gan-faces"): own}
    assert rate_for(book, meter="images", plugin_id="gan-faces") is own
    assert rate_for(book, meter="images", plugin_id="other") is any_plugin
    assert rate_for(book, meter="sparks", plugin_id="other") is None
    free = line_rate(book, meter="images", plugin_id="other", qty=5, billable=False)
    assert (free.amount_micro, free.rate) == (0, None)
