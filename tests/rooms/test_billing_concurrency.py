"""Many at once, on real connections: nothing lost, nothing doubled, no number skipped."""

import threading
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from modelmill.billing.closing import invoice_close
from modelmill.billing.models import Balance, Invoice, JournalTxn
from modelmill.billing.selectors import invoice_line_events, invoice_lines, invoice_recomputes
from modelmill.billing.services import subscription_ensure, wallet_top_up
from modelmill.core.scope import tenant_scope
from modelmill.metering.models import UsageEvent, UsagePending, UsageRollup
from modelmill.metering.rolling import usage_roll, usage_roll_all
from modelmill.metering.services import usage_record
from modelmill.tenants.models import Tenant
from modelmill.tenants.services import tenant_create

BIRTH = datetime(2026, 3, 1, tzinfo=UTC)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _born_in_march(acme):
    Tenant.objects.update(created_at=BIRTH)


def at_once(*works: Callable[[], None]) -> None:
    """Run each work on a thread and a connection of its own; raise what any of them raised."""
    failures: list[BaseException] = []
    start = threading.Barrier(len(works))

    def run(work: Callable[[], None]) -> None:
        try:
            start.wait()
            work()
        except BaseException as failure:
            failures.append(failure)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def record(place, number: int, *, at: datetime | None = None) -> bool:
    with place.scope():
        return usage_record(
            tenant_id=place.tenant.id,
            source="test",
            event_id=f"e{number}",
            meter="images",
            qty=number,
            occurred_at=at or BIRTH + timedelta(minutes=number),
        )


def test_writers_of_the_same_facts_and_rollers_lose_and_double_nothing(acme) -> None:
    new: list[bool] = []

    def write() -> None:
        new.extend(record(acme, number) for number in range(60))

    def roll() -> None:
        with acme.scope():
            for _ in range(20):
                usage_roll(tenant_id=acme.tenant.id, limit=7)

    at_once(write, write, write, roll, roll)
    usage_roll_all()
    with acme.scope():
        assert Counter(new) == {True: 60, False: 120}
        assert UsagePending.objects.count() == 0
        rolled = UsageRollup.objects.values_list("qty", "event_count")
        assert sum(qty for qty, _n in rolled) == sum(range(60))
        assert sum(count for _qty, count in rolled) == UsageEvent.objects.count() == 60


def test_closing_while_others_write_puts_each_fact_on_one_invoice(acme) -> None:
    ends = [BIRTH + timedelta(minutes=minutes) for minutes in (20, 40, 60)]

    def write(first: int) -> Callable[[], None]:
        return lambda: [record(acme, number) for number in range(first, 60, 3)] and None

    def close() -> None:
        with acme.scope():
            for end in ends:
                invoice_close(tenant_id=acme.tenant.id, end=end)

    at_once(write(0), write(1), write(2), close, close)
    with acme.scope():
        invoice_close(tenant_id=acme.tenant.id, end=BIRTH + timedelta(hours=2))
        seen: Counter = Counter()
        for invoice in Invoice.objects.all():
            assert invoice_recomputes(invoice)
            for line in invoice_lines(invoice):
                events = list(invoice_line_events(line))
                assert sum(event.qty for event in events) == line.qty
                seen.update(event.event_id for event in events)
        assert seen == Counter(f"e{number}" for number in range(60))


def test_closing_the_same_period_many_times_at_once_makes_one_invoice(acme) -> None:
    record(acme, 5)
    found: list[Invoice | None] = []

    def close() -> None:
        with acme.scope():
            found.append(invoice_close(tenant_id=acme.tenant.id, end=BIRTH + timedelta(hours=1)))

    at_once(*[close] * 6)
    assert len({invoice.pk for invoice in found if invoice}) == 1
    assert None not in found
    with acme.scope():
        assert Invoice.objects.get().number == 1


def test_numbers_have_no_gap_and_no_double(acme) -> None:
    tenants = [tenant_create(f"Tenant {n}", owner=acme.owner) for n in range(12)]
    Tenant.objects.update(created_at=BIRTH)

    def close(tenant: Tenant, *, used: bool) -> None:
        with tenant_scope(tenant.id):
            if used:
                usage_record(
                    tenant_id=tenant.id,
                    source="test",
                    event_id="e",
                    meter="images",
                    qty=1,
                    occurred_at=BIRTH,
                )
            invoice_close(tenant_id=tenant.id, end=BIRTH + timedelta(hours=1))

    at_once(*[lambda t=t, n=n: close(t, used=n % 4 != 0) for n, t in enumerate(tenants)])
    numbers = []
    for tenant in tenants:
        with tenant_scope(tenant.id):
            numbers += Invoice.objects.values_list("number", flat=True)
    assert sorted(numbers) == list(range(1, 10))


def test_a_subscription_is_made_once(acme) -> None:
    made: list[str] = []

    def ensure() -> None:
        with acme.scope():
            made.append(subscription_ensure(acme.tenant).id)

    at_once(*[ensure] * 8)
    assert len(set(made)) == 1


def test_payments_at_once_pay_each_invoice_once(acme) -> None:
    with acme.scope():
        # 10.00 are there; 12.00 and 3.00 are used.
        for number, qty in ((1, 6_000), (2, 1_500)):
            usage_record(
                tenant_id=acme.tenant.id,
                source="test",
                event_id=f"e{number}",
                meter="images",
                qty=qty,
                occurred_at=BIRTH + timedelta(hours=number - 1),
            )
            invoice_close(tenant_id=acme.tenant.id, end=BIRTH + timedelta(hours=number))

    def pay(key: str) -> None:
        with acme.scope():
            wallet_top_up(tenant_id=acme.tenant.id, key=key, amount_micro=1_500_000)

    at_once(*[lambda key=key: pay(key) for key in ("a", "a", "b", "b", "c", "d")])
    with acme.scope():
        assert [invoice.due_cents for invoice in Invoice.objects.order_by("id")] == [0, 0]
        balance = Balance.objects.get()
        assert (balance.wallet_micro, balance.receivable_micro) == (1_000_000, 0)
        assert JournalTxn.objects.filter(idempotency_key__startswith="top-up:").count() == 4
