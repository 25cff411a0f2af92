"""A prediction under way while the prices change: one book for its usage and its price."""

from datetime import timedelta

import pytest
from django.utils import timezone
from modelmill.billing.books import book_publish
from modelmill.billing.costs import subject_bill
from modelmill.billing.models import BookChange, Reservation, Subscription
from modelmill.billing.months import month_start
from modelmill.billing.rating import Rate
from modelmill.billing.selectors import usage_bill, wallet_balance
from modelmill.billing.services import subscription_ensure
from modelmill.inference.lifecycle import Outcome, prediction_claim, prediction_finish
from modelmill.inference.models import Prediction
from modelmill.inference.selectors import access_prediction
from modelmill.inference.services import Ask, prediction_create
from modelmill.metering.models import UsageEvent
from modelmill.metering.sealing import usage_seal
from modelmill.tenants.models import Tenant

from tests.serving import model_made

THIS_MONTH = month_start(timezone.now())
ACCEPTED = THIS_MONTH - timedelta(milliseconds=10)
METERS = ("requests", "tokens_in", "tokens_out")
DEAR = {(meter, ""): Rate(amount_micro=20, per=1, title="each") for meter in METERS}


@pytest.fixture
def accepted(acme) -> Prediction:
    """A prediction claimed at the end of last month; the prices have risen since."""
    version = model_made(acme, "fake-speaker")
    Tenant.objects.filter(pk=acme.tenant.pk).update(
        created_at=month_start(THIS_MONTH - timedelta(days=1))
    )
    ask = Ask(model=version.name, inputs=[{"prompt": "a b c"}], parameters={"max_tokens": 10})
    with acme.scope():
        made = prediction_create(ask, caller=acme.caller)
        subscription = subscription_ensure(acme.tenant)
        dear = book_publish(DEAR, effective_from=THIS_MONTH)
        BookChange.objects.create(
            tenant=acme.tenant, subscription=subscription, book=dear, starts_at=THIS_MONTH
        )
        Subscription.objects.filter(pk=subscription.pk).update(has_changes=True)
        Prediction.objects.filter(pk=made.pk).update(created_at=ACCEPTED)
        claimed = prediction_claim(made.pk, worker="one")
    assert claimed is not None
    return claimed


def finish(prediction: Prediction) -> Prediction:
    output = {"kind": "text", "text": "a b c", "finish_reason": "stop"}
    counts = {"tokens_in": 3, "tokens_out": 3}
    outcome = Outcome(outputs=[output], counts=counts, model_state="warm", compute_ms=5)
    assert prediction_finish(prediction, outcome=outcome)
    return access_prediction(prediction.pk)


def test_it_keeps_the_prices_it_was_accepted_by_and_its_invoice_says_the_same(
    acme, accepted
) -> None:
    with acme.scope():
        row = finish(accepted)
        moments = set(UsageEvent.objects.values_list("accounted_at", flat=True))
        bill = usage_bill(acme.tenant.id, start=month_start(ACCEPTED), end=THIS_MONTH)
    assert moments == {ACCEPTED}
    assert row.cost_micro == bill.subtotal_micro == 1 + 2 + 100


def test_with_its_month_closed_it_costs_no_more_than_was_set_aside(acme, accepted) -> None:
    with acme.scope():
        usage_seal(tenant_id=acme.tenant.id, through=THIS_MONTH)
        wallet_micro = wallet_balance(acme.tenant.id)
        row = finish(accepted)
        reservation = Reservation.objects.get()
        moments = UsageEvent.objects.values_list("accounted_at", flat=True)
        assert all(moment > THIS_MONTH for moment in moments)
        left_micro = reservation.amount_micro - row.cost_micro
        assert wallet_balance(acme.tenant.id) == wallet_micro + left_micro
        # Its invoice says the same: what the money no longer pays for is not billed.
        billed_micro = subject_bill(acme.tenant.id, row.id).subtotal_micro
        free = UsageEvent.objects.filter(billable=False)
        assert {(one.meter, one.qty, one.reason) for one in free} == {
            ("tokens_out", 2, "prices_rose")
        }
    assert row.usage == {"requests": 1, "tokens_in": 3, "tokens_out": 3}
    assert row.cost_micro == reservation.spent_micro == billed_micro == (1 + 3 + 1) * 20
    assert 0 <= left_micro < 20
