"""Recommending: known and new users, filters, reasons, and batches."""

import json

import pytest
from modelmill_recommendation.plugin import Recommendation
from modelmill_sdk import CustomerError
from modelmill_sdk.protocol import PredictDone
from modelmill_sdk.testing import Recorder, predict_once

from tests.plugins.recommendation.small import PREDICT, check, walks

pytestmark = pytest.mark.training


def ask(model_dir, *inputs, **params):
    return predict_once(Recommendation, model_dir, list(inputs), params)


def items_of(result):
    return [one["item"] for one in result["recommendations"]]


def test_it_recommends_to_known_and_new_users(trained) -> None:
    check(ask(trained[0], *PREDICT))


def test_who_goes_on_in_a_series_is_recommended_its_next_item_because_of_the_last(trained) -> None:
    (result,) = ask(trained[0], {"items": ["s4-1", "s4-2", "s4-3"]})
    best = result["recommendations"][0]
    assert result["model"] == "sasrec"
    assert best["item"] == "s4-4"
    assert 0.2 < best["score"] <= 1
    assert best["because"][0]["item"] == "s4-3"


def test_a_batch_gives_what_each_gets_alone(trained) -> None:
    inputs = [{"user": f"u{n}", "items": ["s0-1"] * (n % 3)} for n in range(9)]
    together = ask(trained[0], *inputs)
    alone = [ask(trained[0], one)[0] for one in inputs]
    assert json.dumps(together) == json.dumps(alone)


def test_what_was_met_is_left_out_unless_asked_for(trained) -> None:
    history = {row["item"] for row in walks() if row["user"] == "u5"}
    (without,) = ask(trained[0], {"user": "u5"}, k=100)
    (with_them,) = ask(trained[0], {"user": "u5"}, k=100, seen="include")
    assert not history & set(items_of(without))
    assert history & set(items_of(with_them))


def test_only_allowed_items_are_recommended_and_never_denied_ones(trained) -> None:
    allow, deny = ["s0-0", "s0-1", "s0-2", "not an item"], ["s0-1"]
    (result,) = ask(trained[0], {"items": ["s3-3"]}, allow=allow, deny=deny, explain=False)
    assert sorted(items_of(result)) == ["s0-0", "s0-2"]
    assert "because" not in result["recommendations"][0]


def test_allowing_only_unknown_items_is_refused(trained) -> None:
    with pytest.raises(CustomerError, match="None of the items in allow") as caught:
        ask(trained[0], {"user": "u0"}, allow=["nothing"])
    assert caught.value.param == "allow"


def test_items_that_no_training_showed_are_named(trained) -> None:
    (result,) = ask(trained[0], {"items": ["s1-1", "brand new"]}, k=3)
    assert result["unknown_items"] == ["brand new"]
    assert result["history_items"] == 1 and len(items_of(result)) == 3


def test_it_counts_an_answer_for_each_input(trained) -> None:
    recorder = Recorder()
    predict_once(Recommendation, trained[0], [{"user": "u1"}] * 3, recorder=recorder)
    done = recorder.messages[-1]
    assert isinstance(done, PredictDone) and done.counts == {"recommendations": 3}


def test_item_knn_explains_by_likeness(walked, tmp_path) -> None:
    from modelmill_sdk.testing import train_once

    params = {"steps": 1, "served": "item-knn"}
    model_dir, _ = train_once(Recommendation, walked, params, tmp_path)
    (result,) = ask(model_dir, {"items": ["s4-1", "s4-2"]})
    best = result["recommendations"][0]
    assert result["model"] == "item-knn"
    assert best["item"].startswith("s4-")
    weights = [one["weight"] for one in best["because"]]
    assert sum(weights) == pytest.approx(best["score"], rel=1e-3)
