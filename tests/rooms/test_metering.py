"""The ledger: each fact once, nothing changed, late facts in open time."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import IntegrityError, transaction
from modelmill.core.scope import ScopeCrossed
from modelmill.metering.facts import Usage, UsageConflict
from modelmill.metering.models import UsageEvent, UsagePending, UsageRollup
from modelmill.metering.rolling import usage_rebuild, usage_roll, usage_roll_all
from modelmill.metering.sealing import usage_seal
from modelmill.metering.services import usage_record, usage_record_many
from modelmill.tenants.models import Tenant

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def acme(acme):
    """The tenant a test is about, old enough to have used something in March."""
    Tenant.objects.update(created_at=datetime(2026, 1, 1, tzinfo=UTC))
    return acme


def usage(number: int, *, qty: int = 5, at: datetime = NOON, meter: str = "cpu_ms") -> Usage:
    return Usage(source="test", event_id=f"e{number}", meter=meter, qty=qty, occurred_at=at)


def record(place, *, event_id="e1", qty=5, at=NOON) -> bool:
    return usage_record(
        tenant_id=place.tenant.id,
        source="test",
        event_id=event_id,
        meter="cpu_ms",
        qty=qty,
        occurred_at=at,
    )


def test_it_records_a_fact_once(acme) -> None:
    with acme.scope():
        assert record(acme) is True
        assert record(acme) is False
        event = UsageEvent.objects.get()
        assert (event.qty, event.accounted_at) == (5, NOON)
        assert UsagePending.objects.count() == 1


def test_it_knows_the_same_moment_in_another_time_zone(acme) -> None:
    shanghai = NOON.astimezone(ZoneInfo("Asia/Shanghai"))
    with acme.scope():
        assert record(acme) is True
        assert record(acme, at=shanghai) is False


def test_it_refuses_the_same_id_with_another_body_and_keeps_the_transaction(acme) -> None:
    with acme.scope(), transaction.atomic():
        record(acme)
        with pytest.raises(UsageConflict):
            record(acme, qty=6)
        assert record(acme, event_id="e2") is True
        assert list(UsageEvent.objects.order_by("id").values_list("qty", flat=True)) == [5, 5]


def test_it_records_many_all_or_none(acme) -> None:
    with acme.scope():
        assert usage_record_many([usage(1), usage(2), usage(1)], tenant_id=acme.tenant.id) == 2
        with pytest.raises(UsageConflict):
            usage_record_many([usage(3), usage(1, qty=9)], tenant_id=acme.tenant.id)
        assert UsageEvent.objects.count() == UsagePending.objects.count() == 2


def test_it_costs_few_statements(acme, django_assert_max_num_queries) -> None:
    with acme.scope(), transaction.atomic(), django_assert_max_num_queries(4):
        record(acme)
    with acme.scope(), transaction.atomic(), django_assert_max_num_queries(7):
        usage_record_many([usage(n) for n in range(20)], tenant_id=acme.tenant.id)


def test_it_refuses_a_strangers_ledger(acme, globex) -> None:
    with acme.scope(), pytest.raises(ScopeCrossed):
        record(globex)


@pytest.mark.parametrize(
    "wrong",
    [{"qty": -1}, {"qty": 1.5}, {"qty": True}, {"qty": 2**63}, {"event_id": ""}],
    ids=str,
)
def test_it_refuses_what_is_no_fact(wrong) -> None:
    with pytest.raises(ValueError):
        Usage(
            **{"source": "s", "event_id": "e", "meter": "m", "qty": 1, "occurred_at": NOON} | wrong
        )


def test_it_refuses_a_moment_without_a_time_zone() -> None:
    with pytest.raises(ValueError):
        usage(1, at=datetime(2026, 3, 1))


@pytest.mark.parametrize("change", ["update", "delete"])
def test_the_database_refuses_to_change_the_ledger(acme, change) -> None:
    with acme.scope():
        record(acme)
        usage_roll(tenant_id=acme.tenant.id)
        with pytest.raises(IntegrityError, match="frozen"), transaction.atomic():
            if change == "update":
                UsageEvent.objects.update(qty=1)
            else:
                UsageEvent.objects.all().delete()
        assert UsageEvent.objects.get().qty == 5


def test_rolling_counts_each_event_once(acme, globex) -> None:
    with acme.scope():
        usage_record_many([usage(n, qty=n) for n in range(10)], tenant_id=acme.tenant.id)
    with globex.scope():
        usage_record_many([usage(1)], tenant_id=globex.tenant.id)
    assert usage_roll_all() == 11
    assert usage_roll_all() == 0
    with acme.scope():
        record(acme, event_id="later", qty=100)
        while usage_roll(tenant_id=acme.tenant.id, limit=1):
            pass
        rollup = UsageRollup.objects.get()
        assert (rollup.hour, rollup.qty, rollup.event_count) == (NOON, 145, 11)


def test_rebuilding_the_hours_gives_the_same_hours(acme) -> None:
    def hours() -> list[tuple]:
        rows = UsageRollup.objects.order_by("hour", "meter")
        return list(rows.values_list("hour", "meter", "qty", "event_count"))

    with acme.scope():
        facts = [usage(n, at=NOON + timedelta(minutes=7 * n), qty=n) for n in range(40)]
        usage_record_many(facts, tenant_id=acme.tenant.id)
        while usage_roll(tenant_id=acme.tenant.id, limit=7):
            pass
        before = hours()
        assert usage_rebuild(tenant_id=acme.tenant.id) == 40
        assert hours() == before


def test_a_late_event_is_accounted_in_open_time(acme) -> None:
    with acme.scope():
        record(acme)
        closed = NOON + timedelta(minutes=30)
        assert usage_seal(tenant_id=acme.tenant.id, through=closed) == closed
        assert UsagePending.objects.count() == 0
        record(acme, event_id="late", at=NOON)
        record(acme, event_id="on-time", at=closed + timedelta(seconds=1))
        late = UsageEvent.objects.get(event_id="late")
        assert (late.occurred_at, late.accounted_at) == (NOON, closed)
        assert UsageEvent.objects.get(event_id="on-time").accounted_at > closed


def test_a_seal_never_moves_back(acme) -> None:
    with acme.scope():
        usage_seal(tenant_id=acme.tenant.id, through=NOON)
        assert usage_seal(tenant_id=acme.tenant.id, through=NOON - timedelta(days=1)) == NOON
