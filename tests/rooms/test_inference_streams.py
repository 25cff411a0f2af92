"""Reading a prediction while it is written: with Redis, without it, and leaving early."""

import threading
import time

import pytest
from modelmill.inference.lifecycle import Outcome, prediction_claim, prediction_finish
from modelmill.inference.models import Prediction
from modelmill.inference.reading import (
    Ended,
    Piece,
    Started,
    prediction_stream,
    prediction_wait,
)
from modelmill.inference.services import Ask, prediction_create
from modelmill.inference.streams import stream_piece, stream_start

from tests.serving import model_made


@pytest.fixture
def running(acme):
    version = model_made(acme, "fake-speaker")
    with acme.scope():
        ask = Ask(model=version.name, inputs=[{"prompt": "a b c"}], is_streamed=True)
        created = prediction_create(ask, caller=acme.caller)
        return prediction_claim(created.pk, worker="test")


def finish(place, prediction, text, django_capture_on_commit_callbacks=None) -> None:
    output = {"kind": "text", "text": text, "finish_reason": "stop"}
    with place.scope():
        prediction_finish(prediction, outcome=Outcome(outputs=[output]))


def pieces(events) -> str:
    return "".join(event.text for event in events if isinstance(event, Piece))


@pytest.mark.django_db(transaction=True)
def test_pieces_come_as_they_are_sent_and_then_the_row(redis_url, acme, running) -> None:
    stream_start(running.pk, model_state="cold", load_ms=7)
    stream_piece(running.pk, index=0, offset=0, text="a")
    stream = prediction_stream(running)
    assert next(stream) == Started("cold", 7)
    assert next(stream) == Piece(0, 0, "a")
    stream_piece(running.pk, index=0, offset=1, text=" b")
    assert next(stream) == Piece(0, 1, " b")
    finish(acme, running, "a b")
    (ended,) = stream
    assert isinstance(ended, Ended)
    assert ended.prediction.state == "succeeded"


@pytest.mark.django_db(transaction=True)
def test_a_piece_that_was_lost_is_taken_from_the_row(redis_url, acme, running) -> None:
    stream_piece(running.pk, index=0, offset=0, text="a")
    stream_piece(running.pk, index=0, offset=3, text=" c")
    finish(acme, running, "a b c")
    assert pieces(prediction_stream(running)) == "a b c"


@pytest.mark.django_db(transaction=True)
def test_without_redis_the_whole_text_comes_from_the_row(acme, running) -> None:
    stream_piece(running.pk, index=0, offset=0, text="lost")
    finish(acme, running, "a b c")
    events = list(prediction_stream(running))
    assert pieces(events) == "a b c"
    assert isinstance(events[-1], Ended)


@pytest.mark.django_db(transaction=True)
def test_who_leaves_early_cancels(redis_url, acme, running) -> None:
    stream_piece(running.pk, index=0, offset=0, text="a")
    stream = prediction_stream(running)
    next(stream)
    stream.close()
    with acme.scope():
        assert Prediction.objects.get().is_cancel_asked
    assert stream_piece(running.pk, index=0, offset=1, text="b") is True


@pytest.mark.django_db(transaction=True)
def test_who_leaves_a_prediction_that_was_deleted_meanwhile_leaves_in_peace(
    redis_url, acme, running
) -> None:
    stream_piece(running.pk, index=0, offset=0, text="a")
    stream = prediction_stream(running)
    next(stream)
    with acme.scope():
        Prediction.objects.filter(pk=running.pk).delete()
    stream.close()


@pytest.mark.django_db(transaction=True)
def test_waiting_ends_with_the_prediction(redis_url, acme, running) -> None:
    timer = threading.Timer(0.3, finish, (acme, running, "a"))
    timer.start()
    began = time.monotonic()
    used = time.process_time()
    assert prediction_wait(running, timeout_s=20).state == "succeeded"
    assert time.monotonic() - began < 10
    # It slept in Redis: waiting costs next to no CPU.
    assert time.process_time() - used < 1
    timer.join()


@pytest.mark.django_db(transaction=True)
def test_waiting_ends_after_the_time_given(redis_url, acme, running) -> None:
    began = time.monotonic()
    assert prediction_wait(running, timeout_s=0.2).state == "running"
    assert time.monotonic() - began < 5
