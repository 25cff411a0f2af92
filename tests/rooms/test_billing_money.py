"""Reservations and the wallet: never overdrawn, each movement once, every account balanced."""

import threading
from collections import Counter

import pytest
from django.db import IntegrityError, connection, transaction
from modelmill.billing import defaults
from modelmill.billing.models import Balance, JournalEntry, JournalTxn, Reservation
from modelmill.billing.services import (
    quote_micro,
    reservation_close,
    reservation_grow,
    reservation_open,
    subscription_ensure,
    wallet_top_up,
)
from modelmill.core.errors import Conflict, QuotaExceeded

WELCOME = defaults.WELCOME_MICRO


def balance_of(place) -> Balance:
    return Balance.objects.get(tenant=place.tenant)


def journal_sums(place) -> Counter:
    sums: Counter = Counter()
    for entry in JournalEntry.objects.filter(tenant=place.tenant):
        sums[entry.from_account] -= entry.amount_micro
        sums[entry.to_account] += entry.amount_micro
    return sums


def check_books(place) -> None:
    """The balance is what the journal says, and the accounts sum to zero."""
    balance, sums = balance_of(place), journal_sums(place)
    accounts = ["wallet", "reserved", "unbilled", "revenue", "receivable", "promotion", "cash"]
    assert {a: getattr(balance, f"{a}_micro") for a in accounts} == {a: sums[a] for a in accounts}
    assert sum(sums.values()) == 0


def open_one(place, key="k", amount_micro=100) -> Reservation:
    return reservation_open(tenant_id=place.tenant.id, key=key, amount_micro=amount_micro)


def test_a_new_tenant_gets_its_welcome_credit_once(acme) -> None:
    with acme.scope():
        first = subscription_ensure(acme.tenant)
        assert subscription_ensure(acme.tenant) == first
        assert balance_of(acme).wallet_micro == WELCOME
        check_books(acme)


def test_a_second_tenant_of_one_owner_gets_no_second_credit(acme) -> None:
    from modelmill.core.scope import tenant_scope
    from modelmill.tenants.services import tenant_create

    with acme.scope():
        subscription_ensure(acme.tenant)
    second = tenant_create("Second", owner=acme.owner)
    with tenant_scope(second.id):
        subscription_ensure(second)
        assert Balance.objects.get().wallet_micro == 0


def test_it_quotes_from_the_price_book(acme) -> None:
    with acme.scope():
        usages = [("cpu_ms", "any", 3_600_000), ("images", "any", 3), ("nothing", "any", 9)]
        assert quote_micro(tenant_id=acme.tenant.id, usages=usages) == 240_000 + 6_000


def test_it_reserves_spends_and_gives_back(acme) -> None:
    with acme.scope():
        reservation = open_one(acme, amount_micro=1_000)
        assert balance_of(acme).wallet_micro == WELCOME - 1_000
        reservation_close(reservation, spent_micro=300)
        balance = balance_of(acme)
        assert (balance.wallet_micro, balance.reserved_micro) == (WELCOME - 300, 0)
        assert balance.unbilled_micro == 300
        check_books(acme)


def test_opening_and_closing_again_changes_nothing(acme) -> None:
    with acme.scope():
        first = open_one(acme)
        assert open_one(acme, amount_micro=7) == first
        reservation_close(first, spent_micro=40)
        assert reservation_close(first, spent_micro=99).spent_micro == 40
        assert balance_of(acme).unbilled_micro == 40
        check_books(acme)


def test_it_grows_before_the_next_slice(acme) -> None:
    with acme.scope():
        reservation = open_one(acme)
        reservation_grow(reservation, amount_micro=250)
        reservation_grow(reservation, amount_micro=200)
        assert balance_of(acme).reserved_micro == 250
        with pytest.raises(QuotaExceeded):
            reservation_grow(reservation, amount_micro=WELCOME + 1)
        reservation_close(reservation, spent_micro=0)
        with pytest.raises(Conflict):
            reservation_grow(reservation, amount_micro=300)
        assert balance_of(acme).wallet_micro == WELCOME
        check_books(acme)


def test_it_refuses_more_than_there_is_and_leaves_nothing_behind(acme) -> None:
    with acme.scope():
        with pytest.raises(QuotaExceeded) as refused:
            open_one(acme, amount_micro=WELCOME + 1)
        assert refused.value.status == 429
        assert Reservation.objects.count() == 0
        check_books(acme)


def test_spending_beyond_stops_at_an_empty_wallet(acme) -> None:
    with acme.scope():
        reservation = open_one(acme, amount_micro=WELCOME - 10)
        reservation_close(reservation, spent_micro=WELCOME + 500)
        balance = balance_of(acme)
        assert (balance.wallet_micro, balance.unbilled_micro) == (0, WELCOME)
        check_books(acme)


def test_a_top_up_counts_once(acme) -> None:
    with acme.scope():
        for _ in range(2):
            wallet_top_up(tenant_id=acme.tenant.id, key="bank-17", amount_micro=5_000_000)
        assert balance_of(acme).wallet_micro == WELCOME + 5_000_000
        check_books(acme)


@pytest.mark.parametrize("amount", [-1, 1.5, True])
def test_money_is_a_whole_number(acme, amount) -> None:
    with acme.scope(), pytest.raises(ValueError):
        open_one(acme, amount_micro=amount)


def test_the_database_refuses_an_overdrawn_or_unbalanced_row(acme) -> None:
    with acme.scope():
        subscription_ensure(acme.tenant)
        for change in ({"wallet_micro": -1}, {"wallet_micro": 5}):
            with pytest.raises(IntegrityError), transaction.atomic():
                Balance.objects.update(**change)


@pytest.mark.parametrize(
    ("table", "change"), [(JournalTxn, {"subject": "x"}), (JournalEntry, {"amount_micro": 1})]
)
def test_the_database_refuses_to_change_the_journal(acme, table, change) -> None:
    with acme.scope():
        subscription_ensure(acme.tenant)
        with pytest.raises(IntegrityError, match="frozen"), transaction.atomic():
            table.objects.all()._raw_delete("default")
        with pytest.raises(IntegrityError, match="frozen"), transaction.atomic():
            table.objects.filter(pk=table.objects.get().pk).update(**change)


@pytest.mark.django_db(transaction=True)
def test_two_hundred_reservations_at_once_never_overdraw(acme) -> None:
    amount = WELCOME // 50
    outcomes: list[str] = []

    def work(numbers: list[int]) -> None:
        try:
            with acme.scope():
                for number in numbers:
                    try:
                        open_one(acme, key=f"k{number}", amount_micro=amount)
                        outcomes.append("open")
                    except QuotaExceeded:
                        outcomes.append("refused")
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=([*range(n, 200, 8)],)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Counter(outcomes) == {"open": 50, "refused": 150}
    with acme.scope():
        balance = balance_of(acme)
        assert (balance.wallet_micro, balance.reserved_micro) == (0, WELCOME)
        check_books(acme)
