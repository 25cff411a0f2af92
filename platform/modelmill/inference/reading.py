"""Waiting for a prediction: its pieces as they come, or its end; both without burning CPU."""

import time
from collections import Counter
from collections.abc import Generator
from contextlib import suppress
from dataclasses import dataclass

from modelmill.core.scope import tenant_scope
from modelmill.inference.models import Prediction
from modelmill.inference.services import prediction_cancel
from modelmill.inference.streams import END, PIECE, START, stream_read

QUIET_S = 2.0
_POLL_S = 0.1


@dataclass(frozen=True)
class Started:
    """A worker has the model loaded; ``model_state`` is "warm" or "cold"."""

    model_state: str
    load_ms: int


@dataclass(frozen=True)
class Piece:
    """A piece of the text of input ``index``, from its character ``offset`` on."""

    index: int
    offset: int
    text: str


@dataclass(frozen=True)
class Quiet:
    """Nothing came for a while: the moment to send a sign of life."""


@dataclass(frozen=True)
class Ended:
    """The row, final."""

    prediction: Prediction


Event = Started | Piece | Quiet | Ended


def prediction_stream(prediction: Prediction) -> Generator[Event, None, None]:
    """Yield what happens, each ``Piece`` once and in order, then ``Ended``.

    Together the pieces of an index are its output's text, also when Redis was
    away: what it did not bring is taken from the row at the end. Closing the
    generator early cancels the prediction. No tenant scope is open while it
    waits, and none is left open.
    """
    sent: Counter[int] = Counter()
    row = prediction
    try:
        for event in _events(prediction):
            if isinstance(event, Ended):
                row = event.prediction
                break
            if isinstance(event, Piece):
                if event.offset != sent[event.index]:
                    # One was lost on the way: the row brings all from there on.
                    continue
                sent[event.index] += len(event.text)
            yield event
        for index, output in enumerate(row.outputs):
            rest = str(output.get("text") or "")[sent[index] :]
            if rest:
                yield Piece(index, sent[index], rest)
        yield Ended(row)
    except GeneratorExit:
        if not row.is_final:
            # One deleted meanwhile is given up already; nobody listens to hear of it.
            with tenant_scope(prediction.tenant_id), suppress(Prediction.DoesNotExist):
                prediction_cancel(prediction)
        raise


def prediction_wait(prediction: Prediction, *, timeout_s: float) -> Prediction:
    """Return the row once it is final, or as it is after ``timeout_s`` seconds."""
    deadline = time.monotonic() + timeout_s
    row = _row(prediction)
    place = "0"
    while not row.is_final and (left_s := deadline - time.monotonic()) > 0:
        entries = stream_read(prediction.id, after=place, block_ms=_block_ms(left_s))
        if entries is None:
            time.sleep(min(_POLL_S, left_s))
        elif entries:
            place = entries[-1].place
            if not any(entry.kind == END for entry in entries):
                continue
        row = _row(prediction)
    return row


def _events(prediction: Prediction) -> Generator[Event, None, None]:
    """Yield events of the Redis stream, and ``Ended`` from the row."""
    place = "0"
    quiet_since = time.monotonic()
    row = _row(prediction)
    while not row.is_final:
        entries = stream_read(prediction.id, after=place, block_ms=_block_ms(QUIET_S))
        for entry in entries or ():
            place, quiet_since = entry.place, time.monotonic()
            if entry.kind == START:
                yield Started(entry.text, entry.index)
            elif entry.kind == PIECE:
                yield Piece(entry.index, entry.offset, entry.text)
        if entries and entries[-1].kind != END:
            continue
        if entries is None:
            time.sleep(_POLL_S)
        if time.monotonic() - quiet_since >= QUIET_S:
            quiet_since = time.monotonic()
            yield Quiet()
        row = _row(prediction)
    yield Ended(row)


def _row(prediction: Prediction) -> Prediction:
    with tenant_scope(prediction.tenant_id):
        return Prediction.objects.get(pk=prediction.pk)


def _block_ms(left_s: float) -> int:
    # Zero would block for ever.
    return max(1, round(min(left_s, QUIET_S) * 1000))
