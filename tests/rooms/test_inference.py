"""Predictions as the inference room keeps them: asked, claimed, finished, charged."""

import io
from datetime import timedelta

import pytest
from django.db.models.functions import Now
from modelmill.billing.models import Reservation
from modelmill.core.errors import (
    Conflict,
    InvalidRequest,
    NotFound,
    PermissionDenied,
    QuotaExceeded,
)
from modelmill.core.models import Blob
from modelmill.core.storage import blob_write
from modelmill.inference.forgetting import prediction_forget, predictions_expire
from modelmill.inference.lifecycle import (
    Outcome,
    prediction_claim,
    prediction_fail,
    prediction_finish,
    predictions_renew,
)
from modelmill.inference.models import Prediction
from modelmill.inference.selectors import access_prediction, prediction_list
from modelmill.inference.services import Ask, prediction_cancel, prediction_create
from modelmill.inference.sweeping import predictions_sweep
from modelmill.metering.models import UsageEvent
from modelmill.tenants.callers import Caller

from tests.serving import model_made


@pytest.fixture
def speaker(acme):
    return model_made(acme, "fake-speaker")


def asked(place, version, **changes):
    ask = {"inputs": [{"prompt": "a b c"}], "parameters": {"max_tokens": 10}, **changes}
    key = ask.pop("idempotency_key", None)
    with place.scope():
        return prediction_create(
            Ask(model=version.name, **ask), caller=place.caller, idempotency_key=key
        )


def done(text="a b c", **counts):
    output = {"kind": "text", "text": text, "finish_reason": "stop"}
    return Outcome(outputs=[output], counts=counts, model_state="warm", compute_ms=5)


def test_a_prediction_is_written_with_its_money_set_aside(acme, speaker) -> None:
    prediction = asked(acme, speaker)
    with acme.scope():
        row = Prediction.objects.get()
        reservation = Reservation.objects.get()
    assert (row.pk, row.state, row.model_name) == (prediction.pk, "queued", speaker.name)
    assert row.parameters == {"max_tokens": 10, "pause_ms": 0}
    assert row.usage_bound == {"requests": 1, "tokens_in": 7, "tokens_out": 10}
    # 6 tokens in at 0.2, 10 out at 0.6, one request at 100 micro-units: rounded per meter.
    assert (reservation.amount_micro, reservation.closed_at) == (1 + 6 + 100, None)


def test_an_unknown_model_is_not_found(acme, speaker) -> None:
    with acme.scope(), pytest.raises(NotFound) as refused:
        prediction_create(Ask(model="ft:nobody", inputs=[{}]), caller=acme.caller)
    assert (refused.value.code, refused.value.param) == ("model_not_found", "model")


def test_a_strangers_model_is_not_found(acme, globex, speaker) -> None:
    with globex.scope(), pytest.raises(NotFound):
        prediction_create(Ask(model=speaker.name, inputs=[{}]), caller=globex.caller)


def test_a_model_of_another_task_is_refused(acme, speaker) -> None:
    with pytest.raises(InvalidRequest, match="for text-generation") as refused:
        asked(acme, speaker, task="image-generation")
    assert refused.value.code == "model_task_mismatch"


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"inputs": []}, "inputs"),
        ({"inputs": [{"prompt": "x"}] * 65}, "inputs"),
        ({"inputs": [{}]}, "prompt"),
        ({"inputs": [{"prompt": "x"}, {"prompt": 5}]}, "inputs.1.prompt"),
        ({"parameters": {"max_tokens": 0}}, "max_tokens"),
        ({"parameters": {"colour": "red"}}, "colour"),
        ({"seed": -1}, "seed"),
    ],
)
def test_bad_input_names_what_is_wrong_and_leaves_nothing(acme, speaker, changes, param) -> None:
    with pytest.raises(InvalidRequest) as refused:
        asked(acme, speaker, **changes)
    assert refused.value.param == param
    with acme.scope():
        assert not Prediction.objects.exists()
        assert not Reservation.objects.exists()


def test_without_the_permission_nothing_is_predicted(acme, speaker) -> None:
    caller = Caller(tenant=acme.tenant, permissions=frozenset({"models:read"}))
    with acme.scope(), pytest.raises(PermissionDenied):
        prediction_create(Ask(model=speaker.name, inputs=[{"prompt": "x"}]), caller=caller)


def test_without_money_nothing_is_predicted(acme, speaker) -> None:
    with pytest.raises(QuotaExceeded):
        asked(acme, speaker, parameters={"max_tokens": 10**9})
    with acme.scope():
        assert not Prediction.objects.exists()


def test_the_same_key_and_request_is_one_prediction(acme, speaker) -> None:
    first = asked(acme, speaker, idempotency_key="k1")
    assert asked(acme, speaker, idempotency_key="k1").pk == first.pk
    with acme.scope():
        assert Prediction.objects.count() == Reservation.objects.count() == 1


def test_a_key_is_not_used_for_two_requests(acme, speaker) -> None:
    asked(acme, speaker, idempotency_key="k1")
    with pytest.raises(InvalidRequest) as refused:
        asked(acme, speaker, idempotency_key="k1", seed=3)
    assert refused.value.code == "idempotency_key_reused"


def test_a_key_is_free_again_after_a_day(acme, speaker) -> None:
    first = asked(acme, speaker, idempotency_key="k1")
    with acme.scope():
        Prediction.objects.update(created_at=Now() - timedelta(hours=25))
    assert asked(acme, speaker, idempotency_key="k1").pk != first.pk


def test_two_tenants_may_use_the_same_key(acme, globex, speaker) -> None:
    theirs = model_made(globex, "fake-speaker")
    first = asked(acme, speaker, idempotency_key="k1")
    assert asked(globex, theirs, idempotency_key="k1").pk != first.pk


def test_only_one_worker_claims_it(acme, speaker) -> None:
    prediction = asked(acme, speaker)
    with acme.scope():
        claimed = prediction_claim(prediction.pk, worker="one")
        assert claimed is not None
        assert (claimed.state, claimed.attempt, claimed.lease_owner) == ("running", 1, "one")
        assert prediction_claim(prediction.pk, worker="two") is None


def test_finishing_stores_charges_and_settles_at_once(acme, speaker) -> None:
    prediction = asked(acme, speaker)
    with acme.scope():
        claimed = prediction_claim(prediction.pk, worker="one")
        assert prediction_finish(claimed, outcome=done(tokens_in=3, tokens_out=3))
        row = access_prediction(prediction.pk)
        events = dict(UsageEvent.objects.values_list("event_id", "qty"))
        reservation = Reservation.objects.get()
    assert (row.state, row.outputs[0]["text"], row.compute_ms) == ("succeeded", "a b c", 5)
    assert row.usage == {"requests": 1, "tokens_in": 3, "tokens_out": 3}
    assert events == {f"pred:{row.pk}:{meter}": qty for meter, qty in row.usage.items()}
    assert row.cost_micro == reservation.spent_micro == 1 + 2 + 100
    assert reservation.closed_at is not None


def test_a_plugin_that_overcounts_does_not_overcharge(acme, speaker) -> None:
    prediction = asked(acme, speaker)
    with acme.scope():
        claimed = prediction_claim(prediction.pk, worker="one")
        prediction_finish(claimed, outcome=done(tokens_out=10**9, gpu_ms=5))
        assert access_prediction(prediction.pk).usage == {"requests": 1, "tokens_out": 10}


def test_a_worker_that_lost_its_lease_changes_nothing(acme, speaker) -> None:
    prediction = asked(acme, speaker)
    with acme.scope():
        slow = prediction_claim(prediction.pk, worker="slow")
        Prediction.objects.update(lease_until=Now() - timedelta(seconds=1))
        quick = prediction_claim(prediction.pk, worker="quick")
        assert predictions_renew({slow.pk: slow.fence}) == ({slow.pk}, set())
        assert not prediction_finish(slow, outcome=done("slow", tokens_out=5))
        assert not prediction_fail(slow, code="timeout", message="slow")
        assert prediction_finish(quick, outcome=done("quick", tokens_out=2))
        assert not prediction_finish(slow, outcome=done("slow", tokens_out=5))
        row = access_prediction(prediction.pk)
        assert (row.outputs[0]["text"], row.usage["tokens_out"]) == ("quick", 2)
        assert UsageEvent.objects.filter(meter="tokens_out").count() == 1


def test_a_failure_costs_nothing(acme, speaker) -> None:
    prediction = asked(acme, speaker)
    with acme.scope():
        claimed = prediction_claim(prediction.pk, worker="one")
        assert prediction_fail(claimed, code="plugin_error", message="It broke.")
        assert access_prediction(prediction.pk).error["code"] == "plugin_error"
        assert Reservation.objects.get().spent_micro == 0
        assert not UsageEvent.objects.exists()


def test_a_waiting_prediction_is_cancelled_at_once(acme, speaker) -> None:
    prediction = asked(acme, speaker)
    with acme.scope():
        assert prediction_cancel(prediction).state == "cancelled"
        assert prediction_claim(prediction.pk, worker="one") is None
        assert Reservation.objects.get().spent_micro == 0


def test_a_running_one_is_asked_to_stop_and_charged_for_what_it_made(acme, speaker) -> None:
    prediction = asked(acme, speaker)
    with acme.scope():
        claimed = prediction_claim(prediction.pk, worker="one")
        assert prediction_cancel(prediction).state == "running"
        assert predictions_renew({claimed.pk: claimed.fence}) == (set(), {claimed.pk})
        outcome = Outcome(outputs=[], counts={"tokens_out": 2}, is_cancelled=True)
        assert prediction_finish(claimed, outcome=outcome)
        row = prediction_cancel(prediction)
    assert (row.state, row.usage) == ("cancelled", {"requests": 1, "tokens_out": 2})


def test_the_sweep_ends_a_stream_whose_worker_was_lost(acme, speaker) -> None:
    whole, streamed = asked(acme, speaker), asked(acme, speaker, is_streamed=True)
    with acme.scope():
        for prediction in (whole, streamed):
            prediction_claim(prediction.pk, worker="one")
        long_ago = Now() - timedelta(minutes=1)
        Prediction.objects.update(lease_until=long_ago, rung_at=long_ago)
    assert predictions_sweep() == 2
    assert predictions_sweep() == 0
    with acme.scope():
        assert access_prediction(streamed.pk).error["code"] == "worker_lost"
        assert access_prediction(whole.pk).state == "running"
        assert prediction_claim(whole.pk, worker="two").attempt == 2


def test_the_sweep_ends_what_was_tried_three_times(acme, speaker) -> None:
    prediction = asked(acme, speaker)
    with acme.scope():
        for _ in range(3):
            assert prediction_claim(prediction.pk, worker="one") is not None
            long_ago = Now() - timedelta(minutes=1)
            Prediction.objects.update(lease_until=long_ago, rung_at=long_ago)
        assert prediction_claim(prediction.pk, worker="one") is None
    predictions_sweep()
    with acme.scope():
        assert access_prediction(prediction.pk).state == "failed"


def test_a_stranger_sees_no_prediction(acme, globex, speaker) -> None:
    prediction = asked(acme, speaker)
    with globex.scope():
        assert not prediction_list().exists()
        with pytest.raises(NotFound):
            access_prediction(prediction.pk)


def test_what_is_forgotten_is_gone_and_stays_charged(acme, speaker, settings, tmp_path) -> None:
    settings.MEDIA_ROOT = tmp_path
    prediction = asked(acme, speaker)
    with acme.scope():
        with pytest.raises(Conflict):
            prediction_forget(prediction, caller=acme.caller)
        blobs = [blob_write(io.BytesIO(b"picture")) for _ in range(2)]
        outputs = [{"kind": "image", "blob_id": blob.id} for blob in blobs]
        claimed = prediction_claim(prediction.pk, worker="one")
        prediction_finish(claimed, outcome=Outcome(outputs=outputs))
        for _ in range(2):
            prediction_forget(access_prediction(prediction.pk), caller=acme.caller)
        row = access_prediction(prediction.pk)
        assert not Blob.objects.filter(pk=blobs[0].pk).exists()
    assert (row.inputs, row.outputs, row.cost_micro) == ([], [], 100)


def test_old_predictions_are_forgotten_by_themselves(acme, speaker, settings) -> None:
    old, fresh = asked(acme, speaker), asked(acme, speaker)
    with acme.scope():
        for prediction in (old, fresh):
            prediction_finish(prediction_claim(prediction.pk, worker="one"), outcome=done())
        rows = Prediction.objects.filter(pk=old.pk)
        rows.update(finished_at=Now() - timedelta(days=31))
    settings.OUTPUT_KEEP_DAYS = 0
    assert predictions_expire() == 0
    settings.OUTPUT_KEEP_DAYS = 30
    assert (predictions_expire(), predictions_expire()) == (1, 0)
    with acme.scope():
        assert access_prediction(old.pk).outputs == []
        assert access_prediction(fresh.pk).outputs != []


def test_listing_many_asks_no_more_than_listing_one(
    acme, speaker, django_assert_max_num_queries
) -> None:
    for _ in range(5):
        asked(acme, speaker)
    # One for the page, and two when the key is not remembered any more.
    with django_assert_max_num_queries(3):
        assert len(acme.api.get("/v1/predictions").json()["data"]) == 5
