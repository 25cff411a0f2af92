"""Predictions, in process: order, kinds of results, streams, errors."""

import pytest
from modelmill_fakes.answering import Echo, Speaker
from modelmill_fakes.trouble import Trouble
from modelmill_sdk import CustomerError, PluginError
from modelmill_sdk.errors import Cancelled
from modelmill_sdk.protocol import Chunk, PredictDone, Result
from modelmill_sdk.testing import Recorder, predict_once


@pytest.fixture
def model_dir(tmp_path):
    (tmp_path / "model").mkdir()
    return tmp_path / "model"


def test_results_come_in_order_across_batches(model_dir) -> None:
    inputs = [{"value": str(number)} for number in range(7)]
    assert predict_once(Echo, model_dir, inputs) == [str(number) for number in range(7)]


def test_every_kind_of_result(model_dir) -> None:
    inputs = [{"kind": kind, "value": "red"} for kind in ("text", "json", "image", "file")]
    text, value, image, file = predict_once(Echo, model_dir, inputs, seed=5)
    assert text == "red"
    assert value == {"value": "red", "seed": 5, "batch": 3, "nan": None}
    assert image.read_bytes().startswith(b"\x89PNG")
    assert file.read_text() == "red"


def test_a_generator_streams_its_pieces_then_the_whole(model_dir) -> None:
    recorder = Recorder()
    inputs = [{"prompt": "one two three"}, {"prompt": "四"}]
    texts = predict_once(Speaker, model_dir, inputs, {"max_tokens": 2}, recorder=recorder)
    assert texts == ["one two", "四"]
    chunks = [(m.index, m.text) for m in recorder.messages if isinstance(m, Chunk)]
    assert chunks == [(0, "one"), (0, " two"), (1, "四")]
    results = [m for m in recorder.messages if isinstance(m, Result)]
    assert [result.finish_reason for result in results] == ["length", "stop"]
    done = recorder.messages[-1]
    assert isinstance(done, PredictDone)
    assert done.counts == {"tokens_in": 4, "tokens_out": 3}


def test_an_aborted_stream_stops_between_pieces_and_says_what_it_used(model_dir) -> None:
    class Impatient(Recorder):
        def is_aborted(self, request_id: str) -> bool:
            return len(self.messages) >= 2

    recorder = Impatient()
    with pytest.raises(Cancelled):
        predict_once(Speaker, model_dir, [{"prompt": "a b c d e"}], recorder=recorder)
    pieces, counts = recorder.messages[:2], recorder.messages[2:]
    assert [m.text for m in pieces] == ["a", " b"]
    # The third word was made already when the abort was seen.
    assert {m.meter: m.qty for m in counts} == {"tokens_in": 5, "tokens_out": 3}


def test_a_wrong_input_is_named(model_dir) -> None:
    with pytest.raises(CustomerError) as caught:
        predict_once(Echo, model_dir, [{"value": "fine"}, {"value": 7}])
    assert caught.value.param == "inputs.1.value"


def test_an_unknown_field_is_refused(model_dir) -> None:
    with pytest.raises(CustomerError) as caught:
        predict_once(Echo, model_dir, [{"value": "x", "colour": "red"}])
    assert caught.value.param == "inputs.0.colour"


def test_no_input_is_the_customers_mistake(model_dir) -> None:
    with pytest.raises(CustomerError, match="at least one"):
        predict_once(Echo, model_dir, [])


def test_a_nul_character_is_replaced(model_dir) -> None:
    assert predict_once(Trouble, model_dir, [{"do": "nul"}]) == ["before\ufffdafter"]


@pytest.mark.parametrize(
    ("do", "says"),
    [("outside", "not a file in run.out_dir"), ("meter", "not declared"), ("number", "gave a int")],
)
def test_an_authors_mistake_says_what_is_wrong(model_dir, do, says) -> None:
    with pytest.raises(PluginError, match=says):
        predict_once(Trouble, model_dir, [{"do": do}])
