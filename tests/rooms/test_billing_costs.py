"""What usage costs: charts, one job, and the operator's view of every tenant."""

from datetime import UTC, datetime, timedelta

import pytest
from modelmill.billing.closing import invoice_close
from modelmill.billing.costs import cost_buckets, money_by_tenant, subject_bill
from modelmill.billing.pinning import book_times
from modelmill.billing.selectors import usage_bill
from modelmill.core.scope import system_scope
from modelmill.metering.services import usage_record
from modelmill.tenants.models import Tenant

BIRTH = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def used(acme, globex):
    Tenant.objects.update(created_at=BIRTH)
    for place in (acme, globex):
        with place.scope():
            for number in range(4):
                usage_record(
                    tenant_id=place.tenant.id,
                    source="test",
                    event_id=f"e{number}",
                    meter="cpu_ms",
                    qty=900_000,
                    occurred_at=BIRTH + timedelta(hours=20 * number),
                    subject="ftjob-1" if number < 3 else "ftjob-2",
                    plugin_id="gan-faces",
                    billable=number != 1,
                )


def test_costs_come_in_buckets(acme) -> None:
    with acme.scope():
        buckets = cost_buckets(
            book_times(acme.tenant.id), start=BIRTH, end=BIRTH + timedelta(days=4)
        )
        assert [b.qty.get("cpu_ms", 0) for b in buckets] == [1_800_000, 900_000, 900_000, 0]
        assert [b.amount_micro.get("cpu_ms", 0) for b in buckets] == [60_000, 60_000, 60_000, 0]
        bill = usage_bill(acme.tenant.id, start=BIRTH, end=BIRTH + timedelta(days=4))
        assert bill.subtotal_micro == 180_000


def test_a_job_knows_its_cost(acme) -> None:
    with acme.scope():
        bill = subject_bill(acme.tenant.id, "ftjob-1")
        assert [(x.billable, x.qty, x.amount_micro) for x in bill.lines] == [
            (True, 1_800_000, 120_000),
            (False, 900_000, 0),
        ]
        assert subject_bill(acme.tenant.id, "ftjob-none").total_cents == 0


def test_the_operator_sees_every_tenants_money(acme, globex) -> None:
    with acme.scope():
        invoice_close(tenant_id=acme.tenant.id, end=BIRTH + timedelta(days=5))
        assert set(money_by_tenant()) == {acme.tenant.id}
    with system_scope("the operator's view"):
        money = money_by_tenant()
    assert money[acme.tenant.id].revenue_micro == 180_000
    assert globex.tenant.id not in money
