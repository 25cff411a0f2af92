"""A plugin's process at work: training, validating, predicting."""

from pathlib import Path

import pytest
from modelmill_sdk.protocol import (
    CheckpointSaved,
    Chunk,
    Failed,
    PredictAbort,
    Progress,
    Result,
    Stop,
    TrainDone,
    TrainStart,
    ValidateStart,
)


def test_it_trains_to_the_end(talk) -> None:
    talk.train(steps=500)
    heard = talk.until("train_done", "failed")
    assert heard[0].type == "started"
    assert isinstance(heard[-1], TrainDone)
    assert (heard[-1].step, heard[-1].stopped_reason) == (500, None)
    progress = [message for message in heard if isinstance(message, Progress)]
    assert progress[-1].step == 500
    assert len(progress) < 100
    assert (talk.folder / "model" / "count.json").is_file()


def test_cancel_stops_within_a_step(talk) -> None:
    talk.train(steps=100_000, step_ms=20)
    talk.until("progress")
    talk.host.send(Stop(reason="cancel"))
    heard = talk.until("train_done")
    assert heard[-1].stopped_reason == "cancel"
    assert heard[-1].step < 100
    assert not (talk.folder / "model" / "count.json").exists()


def test_pause_saves_a_checkpoint_to_resume_from(talk_start) -> None:
    talk = talk_start()
    talk.train(steps=100_000, step_ms=20)
    talk.until("progress")
    talk.host.send(Stop(reason="pause"))
    heard = talk.until("train_done")
    (saved,) = [message for message in heard if isinstance(message, CheckpointSaved)]
    assert heard[-1].stopped_reason == "pause"
    assert saved.step == heard[-1].step

    again = talk_start()
    resumed = again.folder / "resumed"
    saved.path.rename(resumed)
    again.train(steps=saved.step + 3, resume_dir=resumed)
    steps = [m.step for m in again.until("train_done") if isinstance(m, Progress)]
    assert steps[0] == saved.step + 1
    assert steps[-1] == saved.step + 3


def test_a_stop_of_an_earlier_training_is_forgotten(talk) -> None:
    talk.train(steps=100_000, step_ms=20)
    talk.host.send(Stop(reason="cancel"))
    talk.until("train_done")
    talk.train(steps=3)
    assert talk.until("train_done")[-1].stopped_reason is None


def test_the_customers_error_and_the_authors_are_told_apart(talk) -> None:
    talk.train(refuse="Bring at least 100 rows.")
    refused = talk.until("failed")[-1]
    assert (refused.who, refused.code, refused.param) == ("customer", "customer_error", "refuse")
    assert refused.message == "Bring at least 100 rows."
    assert refused.traceback == ""

    talk.train(steps=10, fail_at=4)
    failed = talk.until("failed")[-1]
    assert (failed.who, failed.code) == ("author", "plugin_error")
    assert "the counter is stuck" in failed.traceback


def test_progress_is_exact_when_it_fails(talk) -> None:
    talk.train(steps=1000, fail_at=400)
    heard = talk.until("failed")
    assert [m.step for m in heard if isinstance(m, Progress)][-1] == 399


def test_an_unknown_plugin_is_said_to_be_missing(talk) -> None:
    talk.host.send(
        TrainStart(
            plugin_id="no-such",
            data_dir=talk.folder,
            workdir=talk.folder,
            model_dir=talk.folder,
            checkpoint_dir=talk.folder,
        )
    )
    assert "No plugin 'no-such'" in talk.until("failed")[-1].message


def test_it_validates_row_by_row(talk) -> None:
    talk.train(steps=1)
    talk.until("train_done")
    talk.host.send(ValidateStart(plugin_id="fake-stepper", data_dir=talk.folder / "data"))
    problem, _ = talk.until("validate_done")
    assert (problem.row, problem.field, problem.reason) == (0, "text", "This row is bad.")


def test_results_come_in_order_with_their_counts(talk) -> None:
    talk.load("fake-echo")
    talk.ask(*({"value": str(number)} for number in range(5)))
    heard = talk.until("predict_done")
    assert [(m.index, m.text) for m in heard[:-1]] == [(n, str(n)) for n in range(5)]


def test_a_stream_comes_piece_by_piece(talk) -> None:
    talk.load("fake-speaker")
    talk.ask({"prompt": "a b c"})
    heard = talk.until("predict_done")
    assert [m.text for m in heard if isinstance(m, Chunk)] == ["a", " b", " c"]
    assert [m.text for m in heard if isinstance(m, Result)] == ["a b c"]
    assert heard[-1].counts == {"tokens_in": 3, "tokens_out": 3}


def test_an_abort_stops_a_stream_and_the_host_goes_on(talk) -> None:
    talk.load("fake-speaker")
    talk.ask({"prompt": "word " * 10_000}, request_id="long", pause_ms=20)
    talk.until("chunk")
    talk.host.send(PredictAbort(request_id="long"))
    ended = talk.until("failed")[-1]
    assert (ended.request_id, ended.code) == ("long", "cancelled")
    talk.ask({"prompt": "b"}, request_id="short")
    assert talk.until("predict_done")[-1].request_id == "short"


def test_an_abort_of_a_request_in_the_queue_is_heard(talk) -> None:
    talk.load("fake-speaker")
    talk.ask({"prompt": "a b c d e"}, request_id="first", pause_ms=50)
    talk.ask({"prompt": "never said"}, request_id="second")
    talk.host.send(PredictAbort(request_id="second"))
    heard = talk.until("failed")
    assert heard[-1].request_id == "second"
    assert "never" not in "".join(m.text for m in heard if isinstance(m, Chunk))


def test_nothing_can_be_predicted_before_a_model_is_loaded(talk) -> None:
    talk.ask({"prompt": "x"})
    failed = talk.until("failed")[-1]
    assert "No model is loaded" in failed.message


def test_exit_in_a_plugin_is_an_error_and_not_an_exit(talk) -> None:
    talk.load("fake-trouble")
    talk.ask({"do": "quit"})
    assert "SystemExit" in talk.until("failed")[-1].message
    assert talk.host.is_alive


def test_a_result_too_long_for_a_frame_is_the_authors_error(talk) -> None:
    talk.load("fake-trouble")
    talk.ask({"do": "huge"})
    failed = talk.until("failed")[-1]
    assert isinstance(failed, Failed)
    assert "put large results in files" in failed.message


def test_a_flood_of_output_neither_blocks_nor_grows(talk) -> None:
    talk.load("fake-trouble")
    talk.ask({"do": "flood"})
    assert talk.until("predict_done")[0].text == "flooded"
    assert len(talk.host.output_tail()) <= 64 * 1024


def test_pictures_lie_where_the_message_says(talk) -> None:
    talk.load("fake-echo")
    talk.ask({"kind": "image", "value": "blue"})
    result = talk.until("predict_done")[0]
    assert Path(result.path).read_bytes().startswith(b"\x89PNG")


def test_no_message_in_time_is_none(talk) -> None:
    assert talk.host.receive(0.01) is None


def test_memory_is_measured(talk) -> None:
    assert talk.host.rss_bytes() > 1 << 20
    assert talk.host.peak_bytes(is_last=True) >= talk.host.rss_bytes() // 2
    peak_bytes = talk.host.peak_bytes()
    talk.host.close()
    assert talk.host.rss_bytes() == 0
    assert talk.host.peak_bytes(is_last=True) == peak_bytes


@pytest.mark.parametrize("threads", [1, 2])
def test_it_uses_no_more_threads_than_it_may(talk_start, threads) -> None:
    talk = talk_start(threads=threads)
    talk.load("fake-trouble")
    talk.ask({"do": "environment"})
    environment = talk.until("predict_done")[0].value["environment"]
    # Loading sets it anew, from the message: one thread there.
    assert environment["MKL_NUM_THREADS"] == str(threads)
    assert environment["OMP_NUM_THREADS"] == "1"
