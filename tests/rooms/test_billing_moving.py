"""Other prices for those who are customers already: from their next month, and not before."""

from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from modelmill.billing import closing, moving
from modelmill.billing.books import book_at, book_current, book_publish, book_rates
from modelmill.billing.closing import invoice_close
from modelmill.billing.costs import cost_buckets, subject_bill
from modelmill.billing.models import BookChange, BookGrant, Invoice, PriceBook, Subscription
from modelmill.billing.months import month_next
from modelmill.billing.moving import move_starts_at, subscription_move, subscriptions_move
from modelmill.billing.pinning import book_times
from modelmill.billing.rating import Rate
from modelmill.billing.selectors import (
    book_tenants,
    invoice_lines,
    invoice_recomputes,
    tenant_rates,
    usage_bill,
)
from modelmill.billing.services import quote_micro, subscription_ensure
from modelmill.core.errors import Conflict
from modelmill.core.scope import system_scope, tenant_scope
from modelmill.metering.services import usage_record
from modelmill.tenants.models import Tenant
from modelmill.tenants.services import tenant_create

MARCH = datetime(2026, 3, 1, tzinfo=UTC)
APRIL = datetime(2026, 4, 1, tzinfo=UTC)
MAY = datetime(2026, 5, 1, tzinfo=UTC)
DEAR = {("images", ""): Rate(amount_micro=1_000_000, per=1, title="each")}


@pytest.fixture(autouse=True)
def _born_in_march(acme, globex):
    Tenant.objects.update(created_at=MARCH)


@pytest.fixture
def dear(acme, globex) -> PriceBook:
    """A dearer book, published when both were customers already."""
    for place in (acme, globex):
        with place.scope():
            subscription_ensure(place.tenant)
    return book_publish(DEAR, effective_from=timezone.now())


def use(place, at: datetime, *, qty: int = 10) -> None:
    usage_record(
        tenant_id=place.tenant.id,
        source="test",
        event_id=at.isoformat(),
        meter="images",
        qty=qty,
        occurred_at=at,
        subject="job-1",
    )


def moved_in_april(place, book: PriceBook) -> None:
    """What moving does, as if it had been done in March."""
    subscription = subscription_ensure(place.tenant)
    BookChange.objects.create(
        tenant=place.tenant, subscription=subscription, book=book, starts_at=APRIL
    )
    Subscription.objects.filter(pk=subscription.pk).update(has_changes=True)


def test_the_running_month_keeps_its_prices(acme, dear) -> None:
    with acme.scope():
        before = quote_micro(tenant_id=acme.tenant.id, usages=[("images", "", 1)])
    starts_at = subscription_move(acme.tenant, book=dear, actor="operator")

    assert starts_at == month_next(timezone.now())
    with acme.scope():
        assert quote_micro(tenant_id=acme.tenant.id, usages=[("images", "", 1)]) == before
        times = book_times(acme.tenant.id)
        assert times.book_at(starts_at - timedelta(microseconds=1)).pk != dear.pk
        assert times.book_at(starts_at).pk == dear.pk
        assert times.planned().book == dear


def test_moving_again_changes_nothing_and_another_book_takes_its_place(acme, dear) -> None:
    for _again in range(2):
        subscription_move(acme.tenant, book=dear, actor="operator")
    with acme.scope():
        assert BookChange.objects.count() == 1
    other = book_publish({}, effective_from=timezone.now())
    subscription_move(acme.tenant, book=other, actor="operator")
    with acme.scope():
        assert [change.book for change in BookChange.objects.all()] == [other]


def test_a_book_never_holds_before_its_day(acme, db) -> None:
    book_current()
    first = month_next(month_next(timezone.now()))
    later = book_publish(DEAR, effective_from=first + timedelta(days=3))
    on_the_first = book_publish({}, effective_from=first)
    assert move_starts_at(later) == month_next(first)
    assert move_starts_at(on_the_first) == first


def test_earlier_prices_that_are_published_again_hold_again(acme, db) -> None:
    day = month_next(timezone.now())
    first = book_publish(DEAR, effective_from=day)
    other = book_publish({}, effective_from=day)
    again = book_publish(DEAR, effective_from=day)

    assert book_at(day) == again and book_rates(again.pk) == book_rates(first.pk)
    assert book_publish(DEAR, effective_from=day) == again, "a second click makes no other"
    assert set(PriceBook.objects.filter(effective_from=day)) == {first, other, again}


def test_another_currency_is_refused(acme, db) -> None:
    with acme.scope():
        subscription_ensure(acme.tenant)
    euros = book_publish(DEAR, effective_from=timezone.now(), currency="EUR")
    with pytest.raises(Conflict, match="pays in USD"):
        subscription_move(acme.tenant, book=euros, actor="operator")


def test_each_month_is_invoiced_with_its_own_book(acme, dear) -> None:
    with acme.scope():
        moved_in_april(acme, dear)
        use(acme, MARCH + timedelta(days=3))
        use(acme, APRIL - timedelta(microseconds=1))
        use(acme, APRIL)
        march = invoice_close(tenant_id=acme.tenant.id, end=APRIL)
        april = invoice_close(tenant_id=acme.tenant.id, end=MAY)
        assert [x.amount_micro for x in invoice_lines(march)] == [40_000]
        assert [x.amount_micro for x in invoice_lines(april)] == [10_000_000]
        assert april.book == dear and march.book != dear
        assert invoice_recomputes(march) and invoice_recomputes(april)


def test_a_period_ends_where_the_prices_change(acme, dear) -> None:
    with acme.scope():
        moved_in_april(acme, dear)
        use(acme, MARCH + timedelta(days=3))
        use(acme, APRIL + timedelta(days=3))
        last = invoice_close(tenant_id=acme.tenant.id, end=APRIL + timedelta(days=10))
        periods = Invoice.objects.order_by("period_start").values_list("period_start", "period_end")
        assert list(periods) == [(MARCH, APRIL), (APRIL, last.period_end)]
        assert [one.subtotal_micro for one in Invoice.objects.order_by("period_start")] == [
            20_000,
            10_000_000,
        ]
        again = invoice_close(tenant_id=acme.tenant.id, end=APRIL + timedelta(days=10))
        assert again == last and Invoice.objects.count() == 2


def test_the_command_prints_every_invoice_that_it_makes(acme, dear) -> None:
    with acme.scope():
        moved_in_april(acme, dear)
        use(acme, MARCH + timedelta(days=3))
    out = StringIO()
    call_command("billing_close", "--tenant", "acme", "--now", stdout=out)
    with acme.scope():
        march = Invoice.objects.get()
    assert out.getvalue() == f"{march.pk} {march.full_number} 0.02 USD\n"


def test_a_change_that_is_past_ends_no_period_again(acme, dear, monkeypatch) -> None:
    ends = []
    with acme.scope():
        moved_in_april(acme, dear)
        invoice_close(tenant_id=acme.tenant.id, end=MAY)
        seal = closing.usage_seal
        monkeypatch.setattr(
            closing, "usage_seal", lambda **told: ends.append(told["through"]) or seal(**told)
        )
        invoice_close(tenant_id=acme.tenant.id, end=MAY + timedelta(days=1))
    assert ends == [MAY + timedelta(days=1)]


def test_what_something_cost_is_told_by_the_book_of_its_time(acme, dear) -> None:
    with acme.scope():
        moved_in_april(acme, dear)
        use(acme, MARCH + timedelta(days=3))
        use(acme, APRIL + timedelta(days=3), qty=1)
        exact = 20_000 + 1_000_000
        assert subject_bill(acme.tenant.id, "job-1").subtotal_micro == exact
        bill = usage_bill(acme.tenant.id, start=MARCH, end=MAY)
        assert bill.subtotal_micro == exact
        assert [(line.qty, line.event_count, line.rate) for line in bill.lines] == [(11, 2, None)]
        buckets = cost_buckets(book_times(acme.tenant.id), start=MARCH, end=MAY)
        assert sum(sum(one.amount_micro.values()) for one in buckets) == exact
        assert tenant_rates(acme.tenant.id) == book_rates(dear.pk)


def test_all_are_moved_and_each_once(acme, globex, dear) -> None:
    with system_scope("the test moves all"):
        count, starts_at = subscriptions_move(dear, actor="operator")
        assert count == 2 and starts_at == month_next(timezone.now())
        assert BookChange.objects.count() == 2


def test_nobody_is_moved_when_one_pays_in_another_currency(acme, globex, dear) -> None:
    euros = book_publish({}, effective_from=timezone.now(), currency="EUR")
    with system_scope("globex pays in euros"):
        Subscription.objects.filter(tenant=globex.tenant).update(book=euros)
        with pytest.raises(Conflict, match="globex pays in EUR"):
            subscriptions_move(dear, actor="operator")
        assert not BookChange.objects.exists() and not BookGrant.objects.exists()


def test_all_have_one_date_though_a_month_ends_in_between(acme, globex, dear, monkeypatch) -> None:
    starts_at = month_next(timezone.now())
    times = iter([starts_at - timedelta(seconds=2)] * 3 + [starts_at] * 9)
    monkeypatch.setattr(moving, "database_now", lambda: next(times))
    with system_scope("the test moves all"):
        with pytest.raises(Conflict, match="A month began in the meantime"):
            subscriptions_move(dear, actor="operator")
        assert [one.starts_at for one in BookChange.objects.all()] == [starts_at]
        count, again = subscriptions_move(dear, actor="operator")
        assert (count, again) == (2, month_next(starts_at))


def test_whoever_signs_up_until_then_is_given_the_book_too(acme, globex) -> None:
    first = month_next(month_next(timezone.now()))
    book_current()
    later = book_publish(DEAR, effective_from=first)
    with system_scope("the test moves all"):
        subscriptions_move(later, actor="operator")
        assert book_tenants()[later.pk].later == 2
    newcomer = tenant_create("Newcomer", owner=acme.owner)
    with tenant_scope(newcomer.pk):
        times = book_times(newcomer.pk)
    assert times.planned().book == later and times.planned().starts_at == first
    assert times.book_now() != later
    with system_scope("the test looks at all"):
        assert book_tenants()[later.pk].later == 3
        assert book_tenants()[times.book_now().pk].now == 3


def test_who_has_a_later_book_already_keeps_it(acme, dear) -> None:
    with system_scope("the test moves all"):
        subscriptions_move(dear, actor="operator")
    latest = book_publish({}, effective_from=timezone.now())
    newcomer = tenant_create("Newcomer", owner=acme.owner)
    with tenant_scope(newcomer.pk):
        times = book_times(newcomer.pk)
    assert times.planned() is None and times.book_now() == latest


def test_who_signs_up_after_all_were_given_an_older_book_is_given_it_too(acme, dear) -> None:
    latest = book_publish({}, effective_from=timezone.now())
    with system_scope("the test moves all back"):
        subscriptions_move(dear, actor="operator")
    newcomer = tenant_create("Newcomer", owner=acme.owner)
    with tenant_scope(newcomer.pk):
        times = book_times(newcomer.pk)
    assert times.book_now() == latest and times.planned().book == dear


def test_of_two_who_give_all_a_book_at_once_the_later_one_counts(acme, globex, dear) -> None:
    other = book_publish({}, effective_from=timezone.now())
    with system_scope("the test moves all"):
        subscriptions_move(dear, actor="one")
        early = BookGrant.objects.get()
        subscriptions_move(other, actor="two")
        assert BookGrant.objects.get().book == other
        # The first has not come to the end of its tenants yet.
        with pytest.raises(Conflict, match="another book meanwhile"):
            subscription_move(globex.tenant, book=dear, actor="one", grant=early)
        assert {one.book_id for one in BookChange.objects.all()} == {other.pk}


def test_the_command_shows_the_books_and_moves(acme, globex, dear) -> None:
    out = StringIO()
    call_command("billing_prices", stdout=out)
    assert f"{dear.pk} from" in out.getvalue() and "(in force)" in out.getvalue()
    call_command("billing_prices", "--tenant", "acme", stdout=out)
    assert f"{dear.pk} holds for acme from {month_next(timezone.now()):%Y-%m-%d}" in out.getvalue()
    call_command("billing_prices", "--all", "--book", dear.pk, stdout=out)
    assert "holds for all 2 from" in out.getvalue()
    with system_scope("the test looks at all"):
        assert BookChange.objects.count() == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--book", "book-none", "--all"], "There is no price book 'book-none'."),
        (["--book", "book-none"], "Say who is given this book"),
        (["--all", "--tenant", "acme"], "not both"),
        (["--tenant", "acmee"], "There is no organisation 'acmee'."),
    ],
)
def test_the_command_says_what_is_wrong(acme, words, said) -> None:
    with pytest.raises(CommandError, match=said):
        call_command("billing_prices", *words)
    with system_scope("the test looks at all"):
        assert not BookChange.objects.exists()


def test_the_api_tells_of_prices_to_come(acme, dear) -> None:
    assert acme.api.get("/v1/prices").json()["next"] is None
    starts_at = subscription_move(acme.tenant, book=dear, actor="operator")
    told = acme.api.get("/v1/prices").json()["next"]
    assert (told["book"], told["effective_from"]) == (dear.pk, int(starts_at.timestamp()))
    assert [price["meter"] for price in told["data"]] == ["images"]
