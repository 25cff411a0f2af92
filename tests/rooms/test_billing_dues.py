"""What a closed invoice still asks for: paid by money that comes in, the oldest first, once."""

from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import IntegrityError, transaction
from modelmill.billing.closing import invoice_close
from modelmill.billing.journal import Move, journal_post
from modelmill.billing.models import Balance, Invoice, JournalEntry, JournalTxn
from modelmill.billing.models.money import Account
from modelmill.billing.selectors import balance_summary, invoice_list, invoice_recomputes
from modelmill.billing.services import reservation_close, reservation_open, wallet_top_up
from modelmill.core.errors import Conflict
from modelmill.metering.services import usage_record
from modelmill.tenants.models import Tenant

MARCH = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def owing(acme, globex):
    """Acme owes 2.00 of its first invoice, all 3.00 of its second, and has no money."""
    Tenant.objects.update(created_at=MARCH)
    with acme.scope():
        for day, cents in ((1, 1_200), (2, 300)):
            month(acme, day=day, cents=cents)
    return acme


def month(place, *, day: int, cents: int) -> Invoice:
    """Use what costs this much (a picture is a fifth of a cent), and close it."""
    usage_record(
        tenant_id=place.tenant.id,
        source="test",
        event_id=f"day-{day}",
        meter="images",
        qty=cents * 5,
        occurred_at=MARCH + (day - 1) * DAY,
    )
    invoice = invoice_close(tenant_id=place.tenant.id, end=MARCH + day * DAY)
    assert invoice is not None
    return invoice


def pay(place, amount_micro: int, key: str = "bank-1") -> Balance:
    return wallet_top_up(tenant_id=place.tenant.id, key=key, amount_micro=amount_micro)


def dues() -> list[int]:
    """What each invoice still asks for, the oldest first."""
    return [invoice.due_cents for invoice in reversed(invoice_list())]


def test_a_payment_pays_the_oldest_invoice_first_and_the_rest_is_credit(owing) -> None:
    with owing.scope():
        assert dues() == [200, 300]
        assert pay(owing, 4_000_000).wallet_micro == 0
        assert dues() == [0, 100]
        assert pay(owing, 1_500_000, key="bank-2").wallet_micro == 500_000
        assert dues() == [0, 0]
        assert balance_summary(owing.tenant.id).due_cents == 0
        assert pay(owing, 1_000_000, key="bank-3").wallet_micro == 1_500_000


def test_the_same_payment_again_pays_nothing(owing) -> None:
    with owing.scope():
        for _ in range(3):
            pay(owing, 2_500_000)
        assert dues() == [0, 250]
        assert JournalTxn.objects.filter(idempotency_key="top-up:bank-1").count() == 1
        with pytest.raises(Conflict):
            pay(owing, 2_000_000)
        assert dues() == [0, 250]


def test_a_payment_is_one_transaction_of_the_journal(owing) -> None:
    with owing.scope():
        first, second = reversed(invoice_list())
        pay(owing, 3_000_000)
        txn = JournalTxn.objects.get(idempotency_key="top-up:bank-1")
        moves = [
            (entry.from_account, entry.to_account, entry.amount_micro, entry.invoice_id)
            for entry in txn.entries.order_by("id")
        ]
        assert moves == [
            (Account.CASH, Account.WALLET, 3_000_000, None),
            (Account.WALLET, Account.RECEIVABLE, 2_000_000, first.id),
            (Account.WALLET, Account.RECEIVABLE, 1_000_000, second.id),
        ]


def test_parts_of_a_cent_wait_for_the_rest_of_it(owing) -> None:
    with owing.scope():
        assert pay(owing, 9_999).wallet_micro == 9_999
        assert dues() == [200, 300]
        assert pay(owing, 1, key="bank-2").wallet_micro == 0
        assert dues() == [199, 300]


def test_what_work_gives_back_pays_what_is_due(acme) -> None:
    Tenant.objects.update(created_at=MARCH)
    with acme.scope():
        job = reservation_open(tenant_id=acme.tenant.id, key="job", amount_micro=9_000_000)
        month(acme, day=1, cents=300)
        assert dues() == [200]
        reservation_close(job, spent_micro=4_000_000)
        assert dues() == [0]
        assert Balance.objects.get().wallet_micro == 3_000_000


def test_closing_pays_what_was_due_before_and_then_its_own(owing) -> None:
    with owing.scope():
        # As if the money had come before payments paid by themselves.
        balance = Balance.objects.get()
        moves = [Move(Account.CASH, Account.WALLET, 50_000_000)]
        journal_post(balance, key="old", moves=moves)

        month(owing, day=3, cents=400)

        assert dues() == [0, 0, 0]
        assert Balance.objects.get().wallet_micro == 50_000_000 - 9_000_000


def test_what_closing_gives_back_pays_what_is_due_and_nothing_twice(acme) -> None:
    Tenant.objects.update(created_at=MARCH)
    with acme.scope():
        reservation = reservation_open(tenant_id=acme.tenant.id, key="job", amount_micro=9_000_000)
        month(acme, day=1, cents=300)
        assert dues() == [200]
        reservation_close(reservation, spent_micro=9_000_000)
        month(acme, day=2, cents=300)

        assert dues() == [0, 0]
        assert Balance.objects.get().wallet_micro == 4_000_000


def test_an_invoice_that_is_paid_later_does_not_change(owing) -> None:
    with owing.scope():
        before = list(Invoice.objects.order_by("id").values())
        pay(owing, 50_000_000)
        assert list(Invoice.objects.order_by("id").values()) == before
        assert all(invoice_recomputes(invoice) for invoice in invoice_list())


def test_a_payment_that_dies_half_way_leaves_nothing(owing, monkeypatch) -> None:
    def dies(*args: object, **kwargs: object) -> None:
        raise RuntimeError("killed")

    with owing.scope():
        before = Balance.objects.values().get()
        with monkeypatch.context() as patch, pytest.raises(RuntimeError):
            patch.setattr(Balance, "save", dies)
            pay(owing, 2_000_000)
        assert Balance.objects.values().get() == before
        assert dues() == [200, 300]
        pay(owing, 2_000_000)
        assert dues() == [0, 300]


def test_the_database_refuses_to_pay_without_an_invoice_or_more_than_is_due(owing) -> None:
    with owing.scope():
        entry = {
            "tenant": owing.tenant,
            "txn": JournalTxn.objects.first(),
            "from_account": Account.WALLET,
            "amount_micro": 10_000,
        }
        with pytest.raises(IntegrityError), transaction.atomic():
            JournalEntry.objects.create(**entry, to_account=Account.RECEIVABLE)
        with pytest.raises(IntegrityError), transaction.atomic():
            JournalEntry.objects.create(
                **entry, to_account=Account.RESERVED, invoice=Invoice.objects.first()
            )
        with pytest.raises(IntegrityError), transaction.atomic():
            Balance.objects.update(receivable_micro=1, cash_micro=14_999_999 - 15_000_000)


def test_the_list_costs_the_same_however_many_were_paid(owing, django_assert_num_queries) -> None:
    with owing.scope():
        pay(owing, 50_000_000)
        with django_assert_num_queries(1):
            assert dues() == [0, 0]


def test_a_payment_of_one_tenant_pays_nothing_of_another(owing, globex) -> None:
    with globex.scope():
        pay(globex, 50_000_000)
    with owing.scope():
        assert dues() == [200, 300]


def test_the_operator_reads_what_is_still_due(owing) -> None:
    out = StringIO()
    for amount, key in (("4.00", "a"), ("2.00", "b")):
        call_command("billing_top_up", tenant="acme", amount=amount, key=key, stdout=out)
    assert out.getvalue().splitlines() == [
        "acme has 0.000000 USD now. Still due: 1.000000 USD.",
        "acme has 1.000000 USD now.",
    ]


def test_the_api_tells_what_was_paid_and_when(owing) -> None:
    with owing.scope():
        pay(owing, 4_000_000)
        pay(owing, 500_000, key="bank-2")
    second, first = owing.api.get("/v1/invoices").json()["data"]
    assert (first["status"], first["paid_cents"], first["due_cents"]) == ("paid", 1_200, 0)
    assert (second["status"], second["paid_cents"], second["due_cents"]) == ("open", 250, 50)
    body = owing.api.get(f"/v1/invoices/{second['id']}").json()
    assert [payment["amount_cents"] for payment in body["payments"]] == [200, 50]
    assert owing.api.get("/v1/balance").json()["due_cents"] == 50


def test_the_pages_show_what_is_open_and_what_was_paid(owing) -> None:
    with owing.scope():
        pay(owing, 4_000_000)
        invoice = invoice_list()[0]
    client = owing.browser()
    listed = client.get("/invoices").content.decode()
    assert listed.count(">Open<") == listed.count(">Paid<") == 1
    page = client.get(f"/invoices/{invoice.id}").content.decode()
    assert "Paid on" in page
    assert "2.00 USD" in page
    assert "1.00 USD" in page
