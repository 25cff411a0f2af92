"""A training, in process: progress, checkpoints, cancel, pause, resume."""

import json
import math

import pytest
from modelmill_fakes.stepping import Stepper
from modelmill_sdk import CustomerError, Plugin, PluginError, TrainRun
from modelmill_sdk.errors import Cancelled
from modelmill_sdk.host.validation import plugin_validate
from modelmill_sdk.metrics import MAX_METRICS
from modelmill_sdk.progress import ProgressReporter
from modelmill_sdk.protocol import CheckpointSaved, Progress, Sample, Started, ValidateStart
from modelmill_sdk.testing import Recorder, dataset_write, train_once, validate_once


@pytest.fixture
def data_dir(tmp_path):
    return dataset_write(tmp_path / "data", "text", train=[{"text": "good"}, {"text": "bad"}])


def of_type(recorder, kind):
    return [message for message in recorder.messages if isinstance(message, kind)]


def test_it_trains_and_reports(data_dir) -> None:
    recorder = Recorder()
    model_dir, metrics = train_once(Stepper, data_dir, {"steps": 3}, recorder=recorder)
    assert json.loads((model_dir / "count.json").read_text()) == {"step": 3}
    assert metrics == {"rows": 2.0}
    assert isinstance(recorder.messages[0], Started)
    assert [message.step for message in of_type(recorder, Progress)] == [1, 2, 3]
    assert of_type(recorder, Sample)[0].text == "counted to 3"


def test_cancel_stops_at_the_very_step(data_dir) -> None:
    recorder = Recorder(stop_at_step=3)
    train_once(Stepper, data_dir, {"steps": 1000}, recorder=recorder)
    assert of_type(recorder, Progress)[-1].step == 3
    assert not of_type(recorder, CheckpointSaved)


def test_pause_forces_a_checkpoint_and_resume_goes_on(data_dir, tmp_path) -> None:
    recorder = Recorder(stop_at_step=4, reason="pause")
    train_once(Stepper, data_dir, {"steps": 10}, recorder=recorder)
    (saved,) = of_type(recorder, CheckpointSaved)
    assert saved.step == 4
    assert of_type(recorder, Progress)[-1].step == 4

    resumed = Recorder()
    train_once(Stepper, data_dir, {"steps": 10}, resume_dir=saved.path, recorder=resumed)
    assert [message.step for message in of_type(resumed, Progress)] == [5, 6, 7, 8, 9, 10]


def test_the_exact_step_is_told_before_a_checkpoint(data_dir) -> None:
    recorder = Recorder()
    recorder.progress_interval_s = 3600
    train_once(Stepper, data_dir, {"steps": 50}, checkpoint_every_s=0, recorder=recorder)
    last_step = 0
    for message in recorder.messages:
        if isinstance(message, Progress):
            last_step = message.step
        if isinstance(message, CheckpointSaved):
            assert message.step == last_step
    assert last_step == 50


def test_a_metric_is_told_whatever_comes_right_after_it() -> None:
    told: list[Progress] = []
    reporter = ProgressReporter(told.append, interval_s=3600)
    reporter.update(1, 9, {"loss": 3.0})
    reporter.update(2, 9, {"loss": 2.0, "validation_loss": 2.5})
    reporter.update(3, 9, {"loss": 1.0})
    reporter.close()

    assert [(one.step, one.metrics) for one in told] == [
        (1, {"loss": 3.0}),
        (3, {"loss": 1.0, "validation_loss": 2.5}),
    ]


def test_more_metrics_than_one_report_may_have_make_two() -> None:
    told: list[Progress] = []
    reporter = ProgressReporter(told.append, interval_s=3600)
    for step in range(3):
        first = step * MAX_METRICS
        reporter.update(step, 9, {f"m{n}": 0.0 for n in range(first, first + MAX_METRICS)})
    reporter.close()

    assert [len(one.metrics) for one in told] == [MAX_METRICS] * 3


def test_progress_is_thinned_but_the_last_comes_by_itself() -> None:
    told: list[Progress] = []
    reporter = ProgressReporter(told.append, interval_s=0.05)
    for step in range(1, 1001):
        reporter.update(step, 1000, {})
    for _ in range(200):
        if told[-1].step == 1000:
            break
        reporter._closed.wait(0.01)
    assert told[0].step == 1
    assert told[-1].step == 1000
    assert len(told) < 100
    reporter.close()


@pytest.mark.parametrize(("step", "total"), [(1, 10), (11, 10), (-1, 10)])
def test_progress_never_goes_back_nor_past_the_total(step, total) -> None:
    reporter = ProgressReporter(lambda message: None)
    reporter.update(2, 10, {})
    with pytest.raises(PluginError, match="neither go back"):
        reporter.update(step, total, {})


def test_metrics_may_be_tensors_and_a_nan_is_shown_as_none() -> None:
    import numpy as np
    import torch

    told: list[Progress] = []
    reporter = ProgressReporter(told.append, interval_s=0)
    loss = torch.tensor(0.5, requires_grad=True)
    reporter.update(1, 1, {"loss": loss, "acc": np.float32(0.25), "bad": math.nan})
    assert told[0].metrics == {"loss": 0.5, "acc": 0.25, "bad": None}


def test_a_metric_that_is_no_number_is_the_authors_mistake() -> None:
    reporter = ProgressReporter(lambda message: None)
    with pytest.raises(PluginError, match="not a number"):
        reporter.update(1, 1, {"loss": "low"})


def test_cancelled_is_not_caught_by_except_exception() -> None:
    assert not issubclass(Cancelled, Exception)


def test_the_customer_reads_a_customer_error(data_dir) -> None:
    with pytest.raises(CustomerError, match="too few") as caught:
        train_once(Stepper, data_dir, {"refuse": "too few"})
    assert caught.value.param == "refuse"


def test_parameters_out_of_bounds_are_the_customers(data_dir) -> None:
    with pytest.raises(CustomerError, match="steps") as caught:
        train_once(Stepper, data_dir, {"steps": 0})
    assert caught.value.param == "steps"


def test_validation_names_the_row(data_dir) -> None:
    (problem,) = validate_once(Stepper, data_dir)
    assert (problem.row, problem.field, problem.fix) == (1, "text", "Mend it.")


class Careless(Plugin):
    id = "careless"
    accepts = ("text",)

    def train(self, run: TrainRun) -> None:
        leave(run)


def leave(run: TrainRun) -> None:
    """Leave nothing; a test puts something else here."""


def test_a_training_must_leave_a_model(data_dir) -> None:
    with pytest.raises(PluginError, match="no file"):
        train_once(Careless, data_dir)


@pytest.mark.parametrize("name", ["model.pt", "model.bin", "weights.safetensors.zip"])
def test_a_pickled_model_is_refused(data_dir, monkeypatch, name) -> None:
    import torch

    def save(run: TrainRun) -> None:
        torch.save({"weight": torch.zeros(2)}, run.model_dir / name)

    monkeypatch.setitem(globals(), "leave", save)
    with pytest.raises(PluginError, match="pickle"):
        train_once(Careless, data_dir)


def test_a_link_in_the_model_is_refused(data_dir, monkeypatch) -> None:
    def link(run: TrainRun) -> None:
        (run.model_dir / "config.json").write_text("{}")
        (run.model_dir / "more.json").symlink_to("/etc/passwd")

    monkeypatch.setitem(globals(), "leave", link)
    with pytest.raises(PluginError, match="not an ordinary file"):
        train_once(Careless, data_dir)


@pytest.mark.parametrize(("param", "ends"), [("steps", "failed"), ("text", "validate_done")])
def test_a_refusal_at_validation_is_of_a_parameter_or_of_the_data(data_dir, param, ends) -> None:
    class Picky(Stepper):
        def validate(self, data, params):
            raise CustomerError("Not this one.", param=param)

    recorder = Recorder()
    work = ValidateStart(plugin_id=Picky.id, params={}, data_dir=data_dir)
    end = plugin_validate(Picky(), work, recorder)
    assert end.type == ends
    if ends == "failed":
        assert (end.who, end.param, end.message) == ("customer", "steps", "Not this one.")
    else:
        assert [one.field for one in recorder.messages] == ["text"]
