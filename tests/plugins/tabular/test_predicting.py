"""Predicting rows: checked by the model's columns, in batches, with what is unsure said."""

import json

import pytest
from modelmill_sdk import CustomerError
from modelmill_sdk.protocol import PredictDone
from modelmill_sdk.testing import Recorder, predict_once
from modelmill_tabular.plugin import Tabular

from tests.plugins.tabular.small import PREDICT, breast_cancer, check

pytestmark = pytest.mark.training

CHAIR = {"kind": "chair", "sold": "2025-06-15", "weight": 5.0}


def ask(model_dir, *rows, **params):
    return predict_once(Tabular, model_dir, [{"row": row} for row in rows], params)


def test_it_gives_a_label_with_the_probability_of_each_class(trained) -> None:
    check(predict_once(Tabular, trained[0], PREDICT))


def test_it_gives_an_amount_with_an_interval_that_grows_with_its_coverage(priced) -> None:
    (result,) = ask(priced[0], CHAIR)
    (surer,) = ask(priced[0], CHAIR, coverage=0.99)
    assert result["value"] == pytest.approx(40 + 18 + 10, abs=10)
    assert result["low"] < result["value"] < result["high"]
    assert surer["high"] - surer["low"] >= result["high"] - result["low"]
    assert (result["missing_columns"], result["unknown_categories"]) == ([], [])


def test_a_batch_gives_what_each_row_gets_alone(trained, priced) -> None:
    rows = [{k: v for k, v in row.items() if k != "diagnosis"} for row in breast_cancer()[:12]]
    together = ask(trained[0], *rows)
    assert json.dumps(together) == json.dumps([ask(trained[0], row)[0] for row in rows])
    prices = [CHAIR, {"kind": "lamp"}, {"weight": 2}]
    together = ask(priced[0], *prices)
    assert json.dumps(together) == json.dumps([ask(priced[0], row)[0] for row in prices])


def test_gaps_and_strange_categories_are_predicted_with_and_named(priced) -> None:
    (result,) = ask(priced[0], {"kind": "sofa", "weight": None})
    assert result["missing_columns"] == ["sold", "weight"]
    assert result["unknown_categories"] == ["kind"]


def test_columns_that_were_left_out_may_be_sent(priced) -> None:
    (with_them,) = ask(priced[0], {**CHAIR, "note": "x", "fixed": "always", "price": 3.0})
    (without,) = ask(priced[0], CHAIR)
    assert with_them == without


@pytest.mark.parametrize(
    ("row", "message", "param"),
    [
        ({**CHAIR, "wieght": 3}, r"no column 'wieght'\. Did you mean 'weight'\?", "row.wieght"),
        ({**CHAIR, "weight": "heavy"}, "'weight' takes a number, not 'heavy'", "row.weight"),
        ({**CHAIR, "sold": "soon"}, "'sold' takes a date such as 2026-01-31", "row.sold"),
        ({}, "The row has no value. Give some of: kind, sold", "row"),
    ],
)
def test_a_wrong_row_is_refused_by_column(priced, row, message, param) -> None:
    with pytest.raises(CustomerError, match=message) as caught:
        ask(priced[0], CHAIR, row)
    assert caught.value.param == f"inputs.1.{param}"


def test_numbers_and_truths_may_come_as_text(priced) -> None:
    (text,) = ask(priced[0], {**CHAIR, "weight": "5.0"})
    assert [text] == ask(priced[0], CHAIR)


def test_a_balanced_decision_changes_the_label_and_no_probability(trained) -> None:
    rows = [{k: v for k, v in row.items() if k != "diagnosis"} for row in breast_cancer()]
    usual, balanced = ask(trained[0], *rows), ask(trained[0], *rows, decision="balanced")
    assert [one["probabilities"] for one in usual] == [one["probabilities"] for one in balanced]
    count = [sum(one["label"] == "malignant" for one in each) for each in (usual, balanced)]
    assert count[1] >= count[0]


def test_it_counts_rows(trained) -> None:
    recorder = Recorder()
    predict_once(Tabular, trained[0], PREDICT, recorder=recorder)
    done = recorder.messages[-1]
    assert isinstance(done, PredictDone) and done.counts == {"rows": 3}
