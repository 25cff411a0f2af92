"""Names of measures of parts: short enough for a metric, and apart."""

import pytest
from modelmill_sdk.metrics import metric_of, metrics_plain
from modelmill_sdk.protocol import TrainDone
from pydantic import ValidationError


def done(name: str) -> TrainDone:
    return TrainDone.model_validate({"type": "train_done", "metrics": {name: 1.0}})


def test_a_short_part_is_named_whole() -> None:
    assert metric_of("accuracy", "面粉 shop") == "accuracy_of_面粉 shop"


@pytest.mark.parametrize("part", ["long " * 40, "a\0b", "\0" * 300])
def test_any_part_gives_a_name_that_a_metric_can_have(part: str) -> None:
    name = metric_of("accuracy", part)
    assert name in done(name).metrics and "\0" not in name
    assert name != metric_of("accuracy", part + ".")
    assert name == metric_of("accuracy", part)
    with pytest.raises(ValidationError):
        done("long " * 40)


def test_a_negative_zero_is_zero() -> None:
    loss = metrics_plain({"heldout_loss": -0.0})["heldout_loss"]
    assert f"{loss:g}" == "0"
