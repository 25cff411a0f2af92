"""Training on tables: quality, repeatability, and what is left behind."""

import json
from pathlib import Path

import pytest
from modelmill_sdk import CustomerError
from modelmill_sdk.protocol import CheckpointSaved, Log, Progress, Sample
from modelmill_sdk.testing import Recorder, dataset_write, train_once
from modelmill_tabular.models import RowModel
from modelmill_tabular.plugin import Tabular
from modelmill_tabular.tables import table_of
from safetensors.torch import load_file, save_file

from tests.plugins.tabular.conftest import Trained, table_write
from tests.plugins.tabular.small import TRAIN, wine

pytestmark = pytest.mark.training

METHODS = ("boosting", "network", "average")
FEW = {**TRAIN, "rounds": 40, "network_steps": 30, "folds": 1}


def contents(model_dir: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(model_dir.iterdir())}


def logs(recorder: Recorder) -> str:
    return " ".join(m.message for m in recorder.messages if isinstance(m, Log))


def test_tumours_are_told_apart_with_calibrated_probabilities(trained: Trained) -> None:
    _, metrics = trained
    assert metrics["accuracy"] > 0.92 > metrics["baseline_accuracy"]
    assert metrics["roc_auc"] > 0.97
    assert metrics["log_loss"] < 0.25 < metrics["baseline_log_loss"]
    assert metrics["calibration_error"] < 0.1
    assert metrics["rows_measured"] == 56


def test_the_average_answers_unless_one_is_clearly_better(trained: Trained, tmp_path) -> None:
    model_dir, metrics = trained
    assert json.loads((model_dir / "config.json").read_text())["served"] in METHODS
    assert {f"heldout_loss_{name}" for name in METHODS} <= set(metrics)
    # A network of one step has learned nothing, so averaging with it can only harm.
    rows = [{"x": float(n), "y": float(n % 7)} for n in range(300)]
    params = {"rounds": 60, "network_steps": 1, "learning_rate": 1e-6, "tree_learning_rate": 0.3}
    data = table_write(tmp_path / "data", [{**row, "z": row["y"] * 2} for row in rows])
    model_dir, _ = train_once(Tabular, data, {**params, "target": "z"}, tmp_path / "work")
    assert json.loads((model_dir / "config.json").read_text())["served"] == "boosting"


def test_prices_are_learned_from_categories_dates_and_gaps(priced: Trained) -> None:
    _, metrics = priced
    assert metrics["r2"] > 0.75
    assert metrics["mae"] < 0.6 * metrics["baseline_mae"]
    assert metrics["interval_coverage_90"] > 0.7
    assert metrics["mae_gap_of_groups"] > 0
    assert {"mae_of_chair", "mae_of_table", "mae_of_lamp"} <= set(metrics)


def test_long_values_are_groups_whose_names_stay_apart(tmp_path) -> None:
    long = "the shop at the corner behind the second mill, " * 4
    rows = [{"x": float(n), "shop": long + "north" * (n % 2), "y": n % 7 > 2} for n in range(400)]
    data = table_write(tmp_path / "data", rows)
    params = {**FEW, "target": "y", "group": "shop", "model": "boosting"}
    _, metrics = train_once(Tabular, data, params, tmp_path / "work", seed=1)
    named = [name for name in metrics if name.startswith("accuracy_of_")]
    assert len(named) == 2 and {len(name) for name in named} == {100}
    assert "accuracy_gap_of_groups" in metrics


def test_it_says_which_columns_it_leaves_out_and_which_matter(sales, tmp_path) -> None:
    recorder = Recorder()
    params = {"rounds": 40, "model": "boosting"}
    model_dir, _ = train_once(Tabular, sales, params, tmp_path, recorder=recorder)
    said = logs(recorder)
    assert "'note' is left out: nearly every row holds another text" in said
    assert "'fixed' is left out: it always holds the same" in said
    importance = json.loads((model_dir / "importance.json").read_text())
    assert next(iter(importance)) == "kind"
    (sample,) = [m for m in recorder.messages if isinstance(m, Sample)]
    assert sample.name == "importance" and "kind" in str(sample.text).splitlines()[1]


def test_amounts_of_real_patients_are_predicted_with_honest_intervals(patients, tmp_path) -> None:
    params = {"rounds": 100, "network_steps": 300}
    _, metrics = train_once(Tabular, patients, params, tmp_path, seed=1)
    assert metrics["rmse"] < 0.9 * metrics["baseline_rmse"]
    assert metrics["interval_coverage_90"] > 0.75


@pytest.mark.parametrize("stop_at_step", [15, 55])
def test_an_interrupted_training_leaves_the_same_files(tumours, tmp_path, stop_at_step) -> None:
    params = {**FEW, "patience": 0, "model": "average"}
    whole, _ = train_once(Tabular, tumours, params, tmp_path / "whole", seed=1)
    recorder = Recorder(stop_at_step=stop_at_step, reason="pause")
    train_once(Tabular, tumours, params, tmp_path / "half", seed=1, recorder=recorder)
    (saved,) = [m for m in recorder.messages if isinstance(m, CheckpointSaved)]
    assert stop_at_step <= saved.step < 70
    resumed, _ = train_once(
        Tabular, tumours, params, tmp_path / "rest", seed=1, resume_dir=saved.path
    )
    assert contents(whole) == contents(resumed)
    assert set(contents(whole)) == {
        "boosting.json",
        "config.json",
        "importance.json",
        "network.safetensors",
    }


@pytest.mark.parametrize("stop_at_step", [35, 75, 100])
def test_a_training_in_parts_goes_on_in_any_of_them(tumours, tmp_path, stop_at_step) -> None:
    params = {**TRAIN, "rounds": 20, "network_steps": 15, "folds": 3, "patience": 0}
    whole, _ = train_once(Tabular, tumours, params, tmp_path / "whole", seed=1)
    recorder = Recorder(stop_at_step=stop_at_step, reason="pause")
    train_once(Tabular, tumours, params, tmp_path / "half", seed=1, recorder=recorder)
    (saved,) = [m for m in recorder.messages if isinstance(m, CheckpointSaved)]
    assert stop_at_step <= saved.step < 3 * (20 + 15)
    rest, _ = train_once(Tabular, tumours, params, tmp_path / "rest", seed=1, resume_dir=saved.path)
    assert contents(whole) == contents(rest)
    assert len(json.loads(contents(whole)["boosting.json"])["folds"]) == 3


@pytest.mark.parametrize("model", ["auto", "average", "boosting"])
@pytest.mark.parametrize(("step", "trees", "networks"), [(30, 1, 0), (70, 3, 1), (95, 3, 2)])
def test_finished_early_the_parts_that_are_whole_answer(
    tumours, tmp_path, step, trees, networks, model
) -> None:
    params = {**TRAIN, "rounds": 20, "network_steps": 15, "folds": 3, "patience": 0}
    params["model"] = model
    networks = 0 if model == "boosting" else networks
    recorder = Recorder(stop_at_step=step, reason="finish")
    model_dir, metrics = train_once(Tabular, tumours, params, tmp_path, seed=1, recorder=recorder)
    loaded = Tabular().load(model_dir, "cpu")
    found = [metrics.get(f"heldout_loss_{name}") is not None for name in METHODS]
    assert loaded.served == "average" or model != "average" or not networks
    assert found == [True, networks > 0, networks > 0]
    if loaded.served != "network":
        assert loaded.fold_count("boosting") == trees
    if loaded.served != "boosting":
        assert loaded.fold_count("network") == networks


def test_of_few_rows_each_is_held_out_once(tumours: Path, tmp_path: Path) -> None:
    recorder = Recorder()
    model_dir, together = train_once(Tabular, tumours, TRAIN, tmp_path / "parts", recorder=recorder)
    assert "513 rows in 5 parts, each held out once" in logs(recorder)
    assert Tabular().load(model_dir, "cpu").fold_count("average") == 5
    _, alone = train_once(Tabular, tumours, {**TRAIN, "folds": 1}, tmp_path / "one")
    assert together["log_loss"] < alone["log_loss"]


def test_a_model_of_the_first_release_still_answers(tumours: Path, tmp_path: Path) -> None:
    params = {**FEW, "model": "average"}
    model_dir, _ = train_once(Tabular, tumours, params, tmp_path, seed=1)
    before = Tabular().load(model_dir, "cpu")
    _as_first_release(model_dir)
    after = Tabular().load(model_dir, "cpu")
    row = before.encoder.encode(table_of([{"mean_radius": 20.0}], _numbers(before)))
    assert before.predicted(row).tolist() == after.predicted(row).tolist()


def _numbers(model: RowModel) -> dict[str, bool]:
    return {column.name: column.is_number for column in model.encoder.columns}


def _as_first_release(folder: Path) -> None:
    trees = json.loads((folder / "boosting.json").read_text())
    (folder / "boosting.json").write_text(json.dumps({"stages": trees.pop("folds")[0]}))
    config = json.loads((folder / "config.json").read_text())
    assert config.pop("networks") == 1
    (folder / "config.json").write_text(json.dumps(config))
    weights = load_file(folder / "network.safetensors")
    plain = {name.removeprefix("0."): value for name, value in weights.items()}
    save_file(plain, folder / "network.safetensors")


def test_another_seed_grows_other_trees(tumours: Path, tmp_path: Path) -> None:
    params = {**FEW, "model": "boosting"}
    first, _ = train_once(Tabular, tumours, params, tmp_path / "first", seed=1)
    other, _ = train_once(Tabular, tumours, params, tmp_path / "other", seed=2)
    assert contents(first)["boosting.json"] != contents(other)["boosting.json"]
    assert "network.safetensors" not in contents(first)


def test_progress_counts_rounds_and_then_steps(tumours: Path, tmp_path: Path) -> None:
    recorder = Recorder()
    params = {**FEW, "patience": 0}
    train_once(Tabular, tumours, params, tmp_path, recorder=recorder)
    steps = [m.step for m in recorder.messages if isinstance(m, Progress)]
    assert steps == sorted(steps) and steps[-1] == 70
    names = {m.name for m in recorder.messages if isinstance(m, Sample)}
    assert names == {"importance", "confusion"}


def test_three_growers_are_classes_though_they_are_numbers(tmp_path: Path) -> None:
    data = table_write(tmp_path / "data", wine())
    params = {"rounds": 30, "network_steps": 200}
    _, metrics = train_once(Tabular, data, params, tmp_path / "work", seed=1)
    assert metrics["accuracy"] is not None and metrics["accuracy"] > 0.85


def test_without_a_validation_split_every_tenth_row_is_held_out(tmp_path: Path) -> None:
    data = dataset_write(tmp_path / "data", "table", train=wine() * 2)
    recorder = Recorder()
    params = {"rounds": 20, "model": "boosting", "folds": 1}
    _, metrics = train_once(Tabular, data, params, tmp_path / "work", recorder=recorder)
    assert "320 rows to learn from, 36 to choose by" in logs(recorder)
    assert metrics["rows_measured"] == 36
    # Dealt into parts or not, what the model is measured on has taught it nothing.
    recorder = Recorder()
    _, metrics = train_once(
        Tabular, data, {**params, "folds": 4}, tmp_path / "parts", recorder=recorder
    )
    assert "320 rows in 4 parts, each held out once" in logs(recorder)
    assert metrics["rows_measured"] == 36


def test_a_rare_class_is_pointed_out(tmp_path: Path) -> None:
    rows = [{"x": float(n % 50), "ill": "yes" if n % 50 == 0 else "no"} for n in range(400)]
    recorder = Recorder()
    params = {"rounds": 20, "model": "boosting"}
    data = table_write(tmp_path / "data", rows)
    train_once(Tabular, data, params, tmp_path / "work", recorder=recorder)
    assert "'yes' is rare" in logs(recorder)


@pytest.mark.parametrize(
    ("params", "message", "param"),
    [
        ({"target": "diagnose"}, r"no column 'diagnose'\. The columns are: mean_radius", "target"),
        ({"leave_out": ["nothing"]}, "no column 'nothing'", "leave_out"),
        ({"group": "nothing"}, "no column 'nothing'", "group"),
        ({"task": "regression"}, "holds texts, so it cannot be predicted as an amount", "task"),
    ],
)
def test_it_refuses_what_it_cannot_do(tumours, tmp_path, params, message, param) -> None:
    with pytest.raises(CustomerError, match=message) as caught:
        train_once(Tabular, tumours, params, tmp_path)
    assert caught.value.param == param


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"x": float(n), "y": "one"} for n in range(99)], "holds one class only"),
        ([{"x": float(n), "y": 1.5} for n in range(99)], "always holds the same amount"),
        ([{"x": float(n), "y": n % 2 == 0} for n in range(20)], "20 rows to learn from"),
        ([{"x": 1, "y": n % 2 == 0} for n in range(99)], "no column to learn from"),
        ([{"x": 1, "y": f"name {n}"} for n in range(999)], "at most 200 classes"),
    ],
)
def test_it_refuses_tables_that_teach_nothing(tmp_path, rows, message) -> None:
    data = dataset_write(tmp_path / "data", "table", train=rows, validation=rows[:9])
    with pytest.raises(CustomerError, match=message):
        train_once(Tabular, data, {}, tmp_path / "work")
