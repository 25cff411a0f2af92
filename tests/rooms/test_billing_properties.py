"""Any sequence of money's verbs keeps the books: balanced, never overdrawn, fully explained."""

from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import dropwhile
from operator import attrgetter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from modelmill.billing.closing import invoice_close
from modelmill.billing.models import Balance, Invoice, JournalEntry, Reservation
from modelmill.billing.services import (
    reservation_close,
    reservation_grow,
    reservation_open,
    subscription_ensure,
    wallet_top_up,
)
from modelmill.core.errors import Conflict, QuotaExceeded
from modelmill.core.ids import new_id
from modelmill.core.scope import tenant_scope
from modelmill.metering.services import usage_record
from modelmill.tenants.models import Tenant

BIRTH = datetime(2026, 3, 1, tzinfo=UTC)
ACCOUNTS = ["wallet", "reserved", "unbilled", "revenue", "receivable", "promotion", "cash"]
amounts = st.integers(0, 12_000_000)
keys = st.sampled_from("abc")
steps = st.lists(
    st.one_of(
        st.tuples(st.just("open"), keys, amounts),
        st.tuples(st.just("grow"), keys, amounts),
        st.tuples(st.just("close"), keys, amounts),
        st.tuples(st.just("top up"), keys, amounts),
        st.tuples(st.just("pay"), keys, amounts),
        st.tuples(st.just("use"), keys, st.integers(0, 9_000)),
        st.tuples(st.just("invoice"), keys, amounts),
    ),
    max_size=14,
)
pytestmark = pytest.mark.django_db


def act(tenant: Tenant, verb: str, key: str, number: int, *, at: datetime) -> None:
    held = Reservation.objects.filter(key=key).first()
    with suppress(QuotaExceeded, Conflict):
        if verb == "open":
            reservation_open(tenant_id=tenant.id, key=key, amount_micro=number)
        elif verb == "grow" and held:
            reservation_grow(held, amount_micro=number)
        elif verb == "close" and held:
            reservation_close(held, spent_micro=number)
        elif verb == "top up":
            wallet_top_up(tenant_id=tenant.id, key=key, amount_micro=number)
        elif verb == "pay":
            wallet_top_up(tenant_id=tenant.id, key=new_id("pay"), amount_micro=number)
        elif verb == "use":
            usage_record(
                tenant_id=tenant.id,
                source="test",
                event_id=new_id("e"),
                meter="images",
                qty=number,
                occurred_at=at,
            )
        elif verb == "invoice":
            invoice_close(tenant_id=tenant.id, end=at)


def check(tenant: Tenant) -> None:
    balance = Balance.objects.get(tenant=tenant)
    journal: Counter = Counter()
    for entry in JournalEntry.objects.all():
        journal[entry.from_account] -= entry.amount_micro
        journal[entry.to_account] += entry.amount_micro
    held = {account: getattr(balance, f"{account}_micro") for account in ACCOUNTS}
    assert held == {account: journal[account] for account in ACCOUNTS}
    assert sum(held.values()) == 0
    assert min(held["wallet"], held["reserved"], held["unbilled"]) >= 0
    still_open = Reservation.objects.filter(closed_at=None)
    assert held["reserved"] == sum(still_open.values_list("amount_micro", flat=True))
    invoices = list(Invoice.objects.all())
    assert held["revenue"] == 10_000 * sum(invoice.total_cents for invoice in invoices)
    assert -held["receivable"] == 10_000 * sum(invoice.due_cents for invoice in invoices)
    assert all(0 <= invoice.due_cents <= invoice.owed_cents for invoice in invoices)
    # Money that is there has paid what is due, and the oldest invoice before the others.
    assert held["receivable"] == 0 or held["wallet"] < 10_000
    dues = [invoice for invoice in sorted(invoices, key=attrgetter("id")) if invoice.owed_cents]
    unpaid = list(dropwhile(lambda invoice: invoice.due_cents == 0, dues))
    assert not any(invoice.settled_cents for invoice in unpaid[1:])


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps)
def test_any_sequence_keeps_the_books(sequence) -> None:
    tenant = Tenant.objects.create(name="t", slug=new_id("t"))
    Tenant.objects.filter(pk=tenant.pk).update(created_at=BIRTH)
    with tenant_scope(tenant.id):
        subscription_ensure(tenant)
        for number, (verb, key, amount) in enumerate(sequence):
            act(tenant, verb, key, amount, at=BIRTH + timedelta(hours=number + 1))
            check(tenant)
