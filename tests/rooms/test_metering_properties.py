"""Whatever order the same facts come in, the ledger and the invoice are the same."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from modelmill.billing.closing import invoice_close
from modelmill.billing.models import InvoiceLine
from modelmill.billing.selectors import invoice_line_events, invoice_lines, invoice_recomputes
from modelmill.core.ids import new_id
from modelmill.core.scope import tenant_scope
from modelmill.metering.buckets import usage_buckets
from modelmill.metering.facts import Usage, UsageConflict
from modelmill.metering.models import UsageEvent, UsagePending, UsageRollup
from modelmill.metering.rolling import hour_of, usage_rebuild, usage_roll
from modelmill.metering.sealing import usage_seal
from modelmill.metering.selectors import usage_totals
from modelmill.metering.services import usage_record_many
from modelmill.tenants.models import Tenant

BIRTH = datetime(2026, 3, 1, tzinfo=UTC)
END = BIRTH + timedelta(hours=6)
on_the_database = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
moments = st.integers(0, 6 * 3600 * 1000 - 1).map(lambda ms: BIRTH + timedelta(milliseconds=ms))
facts = st.lists(
    st.builds(
        lambda n, **fields: Usage(source="test", event_id=f"e{n}", **fields),
        n=st.integers(0, 10**6),
        meter=st.sampled_from(["cpu_ms", "images", "tokens_out", "sparks"]),
        qty=st.integers(0, 2**40),
        occurred_at=moments,
        plugin_id=st.sampled_from(["", "a", "b"]),
        billable=st.booleans(),
    ),
    max_size=25,
    unique_by=lambda usage: usage.event_id,
)
pytestmark = pytest.mark.django_db


def tenant_make() -> Tenant:
    tenant = Tenant.objects.create(name="t", slug=new_id("t"))
    Tenant.objects.filter(pk=tenant.pk).update(created_at=BIRTH)
    return tenant


def sums(usages) -> Counter:
    found: Counter = Counter()
    for usage in usages:
        found[usage.meter, usage.plugin_id, usage.billable] += usage.qty
    return found


def totals(start=BIRTH, end=END) -> Counter:
    return Counter(
        {(t.meter, t.plugin_id, t.billable): t.qty for t in usage_totals(start=start, end=end)}
    )


def rollups() -> list[Any]:
    keys = ("hour", "meter", "plugin_id", "billable", "qty", "event_count")
    return sorted(UsageRollup.objects.values_list(*keys))


def deliver(tenant: Tenant, usages: list[Usage], *, random) -> None:
    """Send facts in any order and in any batches, some twice, with a roller at any time."""
    sent = usages + random.sample(usages, k=random.randint(0, len(usages)))
    random.shuffle(sent)
    while sent:
        size = random.randint(1, len(sent))
        usage_record_many(sent[:size], tenant_id=tenant.id)
        sent = sent[size:]
        if random.random() < 0.5:
            usage_roll(tenant_id=tenant.id, limit=random.randint(1, 10))


@on_the_database
@given(facts, st.randoms(use_true_random=False))
def test_any_order_and_any_repetition_give_the_same_sums(usages, random) -> None:
    tenant = tenant_make()
    with tenant_scope(tenant.id):
        deliver(tenant, usages, random=random)
        assert UsageEvent.objects.count() == len(usages)
        assert +totals() == +sums(usages)
        while usage_roll(tenant_id=tenant.id):
            pass
        assert +totals() == +sums(usages)
        rolled = rollups()
        usage_rebuild(tenant_id=tenant.id)
        assert rollups() == rolled


@on_the_database
@given(facts, moments, moments, st.randoms(use_true_random=False))
def test_sums_are_exact_at_any_instant(usages, one, two, random) -> None:
    start, end = min(one, two), max(one, two)
    tenant = tenant_make()
    with tenant_scope(tenant.id):
        deliver(tenant, usages, random=random)
        inside = [usage for usage in usages if start <= usage.occurred_at < end]
        assert +totals(start, end) == +sums(inside)


@on_the_database
@given(facts, st.sampled_from(["1m", "1h", "1d"]), st.randoms(use_true_random=False))
def test_buckets_partition_the_facts(usages, width, random) -> None:
    tenant = tenant_make()
    with tenant_scope(tenant.id):
        deliver(tenant, usages, random=random)
        buckets = usage_buckets(start=BIRTH, end=END, width=width, group_by=("meter",))
        for bucket in buckets:
            inside = [u for u in usages if bucket.start <= u.occurred_at < bucket.end]
            counted = Counter({t.meter: t.qty for t in bucket.totals})
            expected: Counter = Counter()
            for usage in inside:
                expected[usage.meter] += usage.qty
            assert +counted == +expected
        assert sum(t.event_count for b in buckets for t in b.totals) == len(usages)


@on_the_database
@given(facts.filter(bool), st.integers(0, 2**40), st.randoms(use_true_random=False))
def test_another_body_changes_nothing(usages, qty, random) -> None:
    tenant = tenant_make()
    with tenant_scope(tenant.id):
        deliver(tenant, usages, random=random)
        victim = random.choice(usages)
        other = Usage(**{**victim.__dict__, "qty": victim.qty + 1 + qty})
        with pytest.raises(UsageConflict):
            usage_record_many([other], tenant_id=tenant.id)
        assert +totals() == +sums(usages)


@on_the_database
@given(facts, st.lists(moments, max_size=3), st.randoms(use_true_random=False))
def test_each_fact_is_on_exactly_one_invoice(usages, cuts, random) -> None:
    """Periods tile the time; late facts move to the open one; nothing is lost or doubled."""
    tenant = tenant_make()
    late = random.sample(usages, k=random.randint(0, len(usages)))
    early = [usage for usage in usages if usage not in late]
    with tenant_scope(tenant.id):
        deliver(tenant, early, random=random)
        invoices = []
        for cut in sorted(cuts):
            invoices.append(invoice_close(tenant_id=tenant.id, end=cut))
            some, late = late[: len(late) // 2], late[len(late) // 2 :]
            deliver(tenant, some, random=random)
        deliver(tenant, late, random=random)
        invoices.append(invoice_close(tenant_id=tenant.id, end=END))
        found = {invoice.pk: invoice for invoice in invoices if invoice}.values()
        billed: Counter = Counter()
        seen: list[str] = []
        for invoice in found:
            assert invoice_recomputes(invoice)
            for line in invoice_lines(invoice):
                events = list(invoice_line_events(line))
                assert sum(event.qty for event in events) == line.qty
                assert len(events) == line.event_count
                seen += [event.event_id for event in events]
                billed[line.meter, line.plugin_id, line.billable] += line.qty
        assert sorted(seen) == sorted(usage.event_id for usage in usages)
        assert +billed == +sums(usages)


@on_the_database
@given(facts, st.randoms(use_true_random=False))
def test_the_invoice_does_not_depend_on_the_order(usages, random) -> None:
    hashes = set()
    for _ in range(2):
        tenant = tenant_make()
        with tenant_scope(tenant.id):
            deliver(tenant, usages, random=random)
            invoice = invoice_close(tenant_id=tenant.id, end=END)
            hashes.add(invoice.lines_sha256 if invoice else None)
            assert InvoiceLine.objects.count() == len(sums(usages))
            assert UsagePending.objects.count() == 0
    assert len(hashes) == 1


@on_the_database
@given(facts.filter(bool), moments)
def test_a_sealed_hour_never_grows(usages, through) -> None:
    tenant = tenant_make()
    with tenant_scope(tenant.id):
        usage_seal(tenant_id=tenant.id, through=through)
        usage_record_many(usages, tenant_id=tenant.id)
        assert not UsageEvent.objects.filter(accounted_at__lt=through).exists()
        assert hour_of(through) <= min(hour_of(e.accounted_at) for e in UsageEvent.objects.all())
