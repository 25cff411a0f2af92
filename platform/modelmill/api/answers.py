"""What completions, chat and pictures share: ask, wait, and say what it took."""

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing

from django.http.response import HttpResponseBase
from rest_framework.request import Request

from modelmill.api.framework.events import event_response
from modelmill.core.errors import Conflict, MillError, Unavailable
from modelmill.core.waiting import Held, Room
from modelmill.inference.errors import error_of
from modelmill.inference.models import Prediction
from modelmill.inference.reading import (
    Ended,
    Event,
    Piece,
    Started,
    prediction_stream,
    prediction_wait,
)
from modelmill.inference.services import Ask, prediction_cancel, prediction_create
from modelmill.tenants.callers import Caller

# A little less than OpenAI's client waits for an answer (600 s).
ANSWER_S = 580.0
# How long a stream's headers are held back, so that an early error can be a status.
_HOLD_S = 10.0


def prediction_asked(ask: Ask, request: Request, *, caller: Caller) -> Prediction:
    """Make the prediction a request asks for, once for each ``Idempotency-Key``."""
    return prediction_create(
        ask, caller=caller, idempotency_key=request.headers.get("Idempotency-Key")
    )


def prediction_answered(ask: Ask, request: Request, *, caller: Caller) -> Prediction:
    """Make a prediction and wait for it to succeed; raises what the customer is to be told."""
    with Room(caller.tenant.id):
        prediction = prediction_asked(ask, request, caller=caller)
        prediction = prediction_wait(prediction, timeout_s=ANSWER_S)
    if not prediction.is_final:
        prediction_cancel(prediction)
        raise Unavailable(
            "This took too long. Use stream=true, or POST /v1/predictions and come back for it."
        )
    refuse_unsuccessful(prediction)
    return prediction


def refuse_unsuccessful(prediction: Prediction) -> None:
    """Raise the error of a prediction that failed or was cancelled."""
    error = error_in(prediction)
    if error is not None:
        raise error


def error_in(prediction: Prediction) -> MillError | None:
    """Return the error that a final prediction ended in, if it did."""
    if prediction.state == Prediction.State.FAILED:
        return error_of(prediction.error or {"code": "internal", "message": "It failed."})
    if prediction.state == Prediction.State.CANCELLED:
        return Conflict("This prediction was cancelled.", code="prediction_cancelled")
    return None


def prediction_streamed(
    ask: Ask,
    request: Request,
    *,
    caller: Caller,
    events: Callable[["AnswerStream"], Iterator[bytes]],
) -> HttpResponseBase:
    """Make a prediction and answer with the stream that ``events`` makes of what happens to it."""
    room = Room(caller.tenant.id)
    try:
        stream = AnswerStream.open(prediction_asked(ask, request, caller=caller))
        return event_response(Held(events(stream), room), headers=stream.headers)
    except BaseException:
        room.give_back()
        raise


class AnswerStream:
    """The events of a prediction, read ahead to the first that tells how it goes.

    An error before that is raised by ``open`` and so becomes an HTTP status.
    """

    def __init__(self, prediction: Prediction) -> None:
        """Read nothing yet."""
        self.prediction = prediction
        self.headers: dict[str, str] = {}
        self._events = prediction_stream(prediction)
        self._ahead: list[Event] = []

    @classmethod
    def open(cls, prediction: Prediction) -> "AnswerStream":
        """Wait for the first piece, the end, or ten seconds."""
        stream = cls(prediction)
        deadline = time.monotonic() + _HOLD_S
        for event in stream._events:
            if isinstance(event, Started):
                stream.headers = started_headers(event)
                continue
            if isinstance(event, (Piece, Ended)) or time.monotonic() > deadline:
                stream._ahead.append(event)
                break
        first = stream._ahead[0]
        if isinstance(first, Ended):
            refuse_unsuccessful(first.prediction)
        return stream

    def __iter__(self) -> Generator[Event, None, None]:
        """Yield every event, from the first on; closing it gives the prediction up."""
        with closing(self._events):
            yield from self._ahead
            if not isinstance(self._ahead[0], Ended):
                yield from self._events


def started_headers(event: Started) -> dict[str, str]:
    """Return what can be said of a prediction before it has ended."""
    return {"x-model-state": event.model_state, "x-load-ms": str(event.load_ms)}


def answer_headers(prediction: Prediction) -> dict[str, str]:
    """Return what a finished prediction took: model state, times, and cost in micro-units."""
    timing = {
        "queue": prediction.queue_ms,
        "load": prediction.load_ms,
        "compute": prediction.compute_ms,
    }
    return {
        "x-prediction-id": prediction.id,
        "x-model-state": prediction.model_state,
        "x-load-ms": str(prediction.load_ms or 0),
        "x-cost": str(prediction.cost_micro),
        "server-timing": ", ".join(f"{name};dur={ms or 0}" for name, ms in timing.items()),
    }
