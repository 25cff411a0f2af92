"""Closing a period: the invoice is its events, to the last unit, once and for ever."""

from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from modelmill.billing.closing import invoice_close, invoices_due
from modelmill.billing.models import Balance, Invoice, InvoiceLine, InvoiceSeries, Subscription
from modelmill.billing.selectors import (
    balance_summary,
    invoice_line_events,
    invoice_lines,
    invoice_recomputes,
    wallet_balance,
)
from modelmill.billing.services import reservation_close, reservation_open, subscription_ensure
from modelmill.core.errors import InvalidRequest
from modelmill.core.models import OutboxMessage
from modelmill.metering.models import UsageEvent, UsageRollup
from modelmill.metering.services import usage_record
from modelmill.tenants.models import Tenant

MARCH = datetime(2026, 3, 1, tzinfo=UTC)
APRIL = datetime(2026, 4, 1, tzinfo=UTC)
MAY = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _born_in_march(acme, globex):
    Tenant.objects.update(created_at=MARCH)


def use(place, number: int, *, meter="cpu_ms", qty=1_800_000, at=MARCH, **more) -> None:
    usage_record(
        tenant_id=place.tenant.id,
        source="test",
        event_id=f"{meter}:{number}:{at:%m}",
        meter=meter,
        qty=qty,
        occurred_at=at + timedelta(hours=number),
        **more,
    )


def close(place, end=APRIL) -> Invoice | None:
    return invoice_close(tenant_id=place.tenant.id, end=end)


def test_it_invoices_a_month_with_its_number_and_pays_it(acme) -> None:
    with acme.scope():
        for number in range(4):
            use(acme, number, plugin_id="gan-faces")
        use(acme, 1, meter="images", qty=7, plugin_id="gan-faces")
        invoice = close(acme)
        assert invoice.full_number == f"{datetime.now(UTC):%Y}-000001"
        assert (invoice.total_cents, invoice.paid_cents, invoice.due_cents) == (49, 49, 0)
        assert invoice.subtotal_micro == 480_000 + 14_000
        lines = [(x.meter, x.qty, x.amount_micro, x.amount_cents) for x in invoice_lines(invoice)]
        assert lines == [("cpu_ms", 7_200_000, 480_000, 48), ("images", 7, 14_000, 1)]
        assert wallet_balance(acme.tenant.id) == 10_000_000 - 490_000


def test_a_line_opens_down_to_exactly_its_events(acme) -> None:
    with acme.scope():
        for number in range(3):
            use(acme, number, plugin_id="a")
            use(acme, 10 + number, plugin_id="b")
        use(acme, 900, plugin_id="a", at=APRIL)
        invoice = close(acme)
        for line in invoice_lines(invoice):
            events = list(invoice_line_events(line))
            assert sum(event.qty for event in events) == line.qty
            assert len(events) == line.event_count == 3


def test_closing_again_gives_the_same_invoice(acme) -> None:
    with acme.scope():
        use(acme, 1)
        first = close(acme)
        wallet = wallet_balance(acme.tenant.id)
        assert close(acme) == first
        assert Invoice.objects.count() == 1
        assert wallet_balance(acme.tenant.id) == wallet
        assert InvoiceSeries.objects.get().last_number == 1


def test_a_late_event_is_on_the_next_invoice_only(acme) -> None:
    with acme.scope():
        use(acme, 1)
        first = close(acme)
        use(acme, 2)
        second = close(acme, end=MAY)
        assert [line.qty for line in invoice_lines(first)] == [1_800_000]
        assert [line.qty for line in invoice_lines(second)] == [1_800_000]
        assert second.period_start == first.period_end == APRIL
        assert invoice_recomputes(first)
        assert invoice_recomputes(second)


def test_a_period_without_use_takes_no_number(acme) -> None:
    with acme.scope():
        assert close(acme) is None
        assert Subscription.objects.get().period_start == APRIL
        use(acme, 1, at=APRIL)
        assert close(acme, end=MAY).number == 1


def test_what_is_not_billable_is_shown_and_free(acme) -> None:
    with acme.scope():
        use(acme, 1, billable=False, reason="redo")
        use(acme, 2, meter="sparks", qty=9)
        use(acme, 3)
        invoice = close(acme)
        lines = [(x.meter, x.billable, x.amount_micro) for x in invoice_lines(invoice)]
        assert lines == [("cpu_ms", True, 120_000), ("cpu_ms", False, 0), ("sparks", True, 0)]
        assert invoice.total_cents == 12


def test_it_pays_from_finished_work_first_and_owes_the_rest(acme) -> None:
    with acme.scope():
        reservation = reservation_open(tenant_id=acme.tenant.id, key="job", amount_micro=10_000_000)
        reservation_close(reservation, spent_micro=9_000_000)
        use(acme, 1, meter="images", qty=6_000)
        invoice = close(acme)
        assert (invoice.total_cents, invoice.paid_cents, invoice.due_cents) == (1200, 1000, 200)
        balance = Balance.objects.get()
        assert (balance.wallet_micro, balance.unbilled_micro) == (0, 0)
        assert (balance.revenue_micro, balance.receivable_micro) == (12_000_000, -2_000_000)
        assert balance_summary(acme.tenant.id).due_cents == 200


def test_a_job_that_ran_across_an_invoice_is_paid_once(acme) -> None:
    with acme.scope():
        job = reservation_open(tenant_id=acme.tenant.id, key="job", amount_micro=1_000_000)
        use(acme, 1, meter="images", qty=150)
        assert close(acme).total_cents == 30
        use(acme, 1, meter="images", qty=100, at=APRIL)
        reservation_close(job, spent_micro=500_000)
        assert close(acme, end=MAY).total_cents == 20
        balance = Balance.objects.get()
        assert (balance.wallet_micro, balance.unbilled_micro) == (10_000_000 - 500_000, 0)


def test_an_invoice_takes_a_running_jobs_part_from_what_the_job_set_aside(acme) -> None:
    with acme.scope():
        job = reservation_open(
            tenant_id=acme.tenant.id, key="job", amount_micro=9_900_000, subject="ftjob-1"
        )
        use(acme, 1, meter="images", qty=4_000, subject="ftjob-1")
        invoice = close(acme)
        # The wallet holds a tenth of a unit: the work itself has set the money aside.
        assert (invoice.total_cents, invoice.due_cents) == (800, 0)
        balance = Balance.objects.get()
        assert (balance.reserved_micro, balance.wallet_micro) == (1_900_000, 100_000)
        use(acme, 1, meter="images", qty=500, at=APRIL, subject="ftjob-1")
        reservation_close(job, spent_micro=9_000_000)
        balance.refresh_from_db()
        assert (balance.unbilled_micro, balance.wallet_micro) == (1_000_000, 1_000_000)
        assert close(acme, end=MAY).due_cents == 0
        balance.refresh_from_db()
        assert (balance.unbilled_micro, balance.wallet_micro) == (0, 1_000_000)


def test_the_future_cannot_be_closed(acme) -> None:
    with acme.scope(), pytest.raises(InvalidRequest):
        close(acme, end=datetime.now(UTC) + timedelta(hours=1))


@pytest.mark.parametrize("change", ["invoice", "delete", "line", "new line", "drop line"])
def test_the_database_refuses_to_change_a_final_invoice(acme, change) -> None:
    with acme.scope():
        use(acme, 1)
        invoice = close(acme)
        line = invoice_lines(invoice).get()
        acts = {
            "invoice": lambda: Invoice.objects.update(total_cents=0),
            "delete": lambda: Invoice.objects.all()._raw_delete("default"),
            "line": lambda: InvoiceLine.objects.update(qty=0),
            "new line": lambda: InvoiceLine(
                **{f.attname: getattr(line, f.attname) for f in line._meta.fields}
                | {"id": "line-new", "meter": "x"}
            ).save(force_insert=True),
            "drop line": lambda: line.delete(),
        }
        with pytest.raises(IntegrityError, match="frozen"), transaction.atomic():
            acts[change]()
        assert invoice_recomputes(Invoice.objects.get())


def test_a_crash_in_the_middle_leaves_nothing(acme, monkeypatch) -> None:
    def dies(*args: object, **kwargs: object) -> None:
        raise RuntimeError("killed")

    with acme.scope():
        use(acme, 1)
        subscription_ensure(acme.tenant)
        before = Balance.objects.values().get()
        with monkeypatch.context() as patch, pytest.raises(RuntimeError):
            patch.setattr("modelmill.billing.closing.document_request", dies)
            close(acme)
        assert Balance.objects.values().get() == before
        assert not Invoice.objects.exists()
        assert not InvoiceSeries.objects.filter(last_number__gt=0).exists()
        use(acme, 2)
        invoice = close(acme)
        assert invoice.number == 1
        late = UsageEvent.objects.get(event_id="cpu_ms:2:03")
        assert late.accounted_at == APRIL
        assert invoice_lines(invoice).get().qty == 1_800_000


def test_the_order_for_the_document_is_in_the_same_transaction(acme) -> None:
    with acme.scope():
        use(acme, 1)
        invoice = close(acme)
        message = OutboxMessage.objects.get(topic="workers.tasks.billing.invoice_document")
        assert message.payload["invoice_id"] == invoice.id


def test_every_open_month_of_every_tenant_is_due(acme, globex) -> None:
    with acme.scope():
        subscription_ensure(acme.tenant)
    with globex.scope():
        subscription_ensure(globex.tenant)
        invoice_close(tenant_id=globex.tenant.id, end=APRIL)
    now = MAY + timedelta(minutes=11)
    assert sorted(invoices_due(now)) == sorted(
        [(acme.tenant.id, APRIL), (acme.tenant.id, MAY), (globex.tenant.id, MAY)]
    )
    assert (acme.tenant.id, MAY) not in list(invoices_due(MAY + timedelta(minutes=9)))


def test_the_operator_closes_a_tenant_by_hand(acme) -> None:
    with acme.scope():
        use(acme, 1)
    out = StringIO()
    call_command("billing_close", tenant="acme", now=True, stdout=out)
    with acme.scope():
        invoice = Invoice.objects.get()
        assert out.getvalue().split() == [invoice.id, invoice.full_number, "0.12", "USD"]
        assert UsageRollup.objects.count() == 1
    call_command("billing_close", tenant="acme", now=True, stdout=out)
    assert "no invoice" in out.getvalue()
    with pytest.raises(CommandError):
        call_command("billing_close", tenant="nobody")


def test_the_operator_books_a_payment_once(acme) -> None:
    out = StringIO()
    for _ in range(2):
        call_command("billing_top_up", tenant="acme", amount="25.00", key="bank-7", stdout=out)
    assert out.getvalue().splitlines() == ["acme has 35.000000 USD now."] * 2
    for wrong in (
        {"amount": "26.00", "key": "bank-7"},
        {"amount": "-1", "key": "bank-8"},
        {"amount": "much", "key": "bank-8"},
        {"amount": "1", "key": "bank-8", "tenant": "nobody"},
    ):
        with pytest.raises(CommandError):
            call_command("billing_top_up", **{"tenant": "acme", **wrong})
