"""Columns: what each means, how it is encoded, and how probabilities are made honest."""

import numpy as np
import pytest
from modelmill_sdk.data import TrainData
from modelmill_sdk.testing import dataset_write, validate_once
from modelmill_tabular.choosing import interval_width
from modelmill_tabular.columns import columns_learn, date_parts
from modelmill_tabular.encoding import MISSING, OTHER, Encoder
from modelmill_tabular.measures import calibration_error, confusion_text
from modelmill_tabular.plugin import Tabular
from modelmill_tabular.scores import loss_of, softmax, temperature_fit
from modelmill_tabular.tables import table_of, table_read
from modelmill_tabular.targets import Target

from tests.plugins.tabular.conftest import mixed

TWO = Target(name="y", task="classification", classes=["a", "b"], shares=[0.5, 0.5])


@pytest.fixture
def encoder(tmp_path) -> Encoder:
    folder = dataset_write(tmp_path / "data", "table", train=mixed(200))
    table = table_read(TrainData(folder, cache_dir=tmp_path / "arrow"), "train")
    columns, dropped = columns_learn(table, leave_out={"price"})
    assert set(dropped) == {"note", "fixed", "number"}
    return Encoder(columns)


def test_numbers_categories_and_dates_are_recognised(encoder) -> None:
    kinds = {column.name: column.kind for column in encoder.columns}
    assert kinds == {"kind": "category", "sold": "date", "weight": "number"}
    assert encoder.category_columns[0].categories == ["chair", "lamp", "table"]


def test_gaps_and_strangers_have_codes_of_their_own(encoder) -> None:
    names = {column.name: column.is_number for column in encoder.columns}
    rows = [{"kind": "lamp", "weight": 2.0}, {"kind": "sofa"}, {}]
    encoded = encoder.encode(table_of(rows, names))
    assert encoded.codes[:, 0].tolist() == [3, OTHER, MISSING]
    assert np.isnan(encoded.numbers[1:]).all()
    trees = encoder.for_trees(encoded)
    assert np.isnan(trees[2]).all() and trees[0, -1] == 3


def test_numbers_are_spread_evenly_and_never_beyond_three(encoder) -> None:
    names = {column.name: column.is_number for column in encoder.columns}
    place = encoder.features_of(next(c for c in encoder.columns if c.name == "weight"))[0][0]
    rows = [{"weight": value} for value in (-1e9, 5.0, 1e9)] + [{}]
    evened = encoder.evened(encoder.encode(table_of(rows, names)))[:, place]
    assert evened[0] == pytest.approx(-3) and evened[2] == pytest.approx(3)
    assert abs(evened[1]) < 0.5 and evened[3] == 0.0


def test_dates_are_days_months_and_weekdays() -> None:
    assert date_parts("1970-01-02") == [1.0, 1.0, 4.0]
    assert date_parts("2026/03/01 12:00:00")[1:] == [3.0, 6.0]
    assert np.isnan(date_parts("chair")).all()


def test_a_temperature_makes_loud_scores_honest() -> None:
    draw = np.random.default_rng(0)
    wanted = (draw.random(2_000) < 0.7).astype(np.float64)
    scores = np.tile([0.0, 4.0], (2_000, 1))
    heat = temperature_fit(scores, wanted, TWO)
    honest = softmax(scores / heat)
    assert honest[0, 1] == pytest.approx(0.7, abs=0.05)
    assert loss_of(honest, wanted, TWO) < loss_of(softmax(scores), wanted, TWO)
    assert calibration_error(honest, wanted.astype(int)) < 0.05


def test_an_interval_holds_the_share_it_promises() -> None:
    misses = [float(n) for n in range(1, 100)]
    assert interval_width(misses, coverage=0.9) == 90.0
    assert interval_width(misses, coverage=0.99) == 99.0
    assert interval_width([1.0, 2.0], coverage=0.99) == 2.0


def test_a_confusion_is_counted_by_class() -> None:
    predicted = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]])
    text = confusion_text(predicted, np.array([0.0, 1.0, 1.0]), ["cat", "dog"])
    assert [line.split() for line in text.splitlines()[2:]] == [
        ["cat", "1", "0"],
        ["dog", "1", "1"],
    ]


def test_rows_without_a_target_and_lonely_classes_are_problems(tmp_path) -> None:
    rows = [{"x": float(n), "y": "ab"[n % 2]} for n in range(60)]
    rows[7]["y"], rows[9]["y"] = None, "c"
    data = dataset_write(tmp_path / "data", "table", train=rows, validation=rows[:10:3])
    first, second = validate_once(Tabular, data)
    assert (first.file, first.row, first.field) == ("train", 7, "y")
    assert second.reason == "The class 'c' has one row only."


def test_a_good_table_has_no_problems(tumours) -> None:
    assert validate_once(Tabular, tumours) == []
