"""Pieces of a prediction on their way from worker to reader: a bounded Redis stream.

The database row is the truth and the stream only its messenger: it wakes the
reader and shows text early. Losing it loses no result, since the reader then
looks at the row.
"""

from dataclasses import dataclass

from django.conf import settings

from modelmill.inference.connection import redis_try

# Far above what one answer has in pieces; how much text is in them the worker bounds.
_MAX_ENTRIES = 20_000
_KEEP_S = 600

START, PIECE, END = "start", "piece", "end"


@dataclass(frozen=True)
class Entry:
    """One message of a stream; ``place`` is where to read on from."""

    place: str
    kind: str
    index: int = 0
    offset: int = 0
    text: str = ""


def stream_start(prediction_id: str, *, model_state: str, load_ms: int) -> None:
    """Tell readers that the model is loaded and works on it."""
    _add(prediction_id, {"k": START, "i": load_ms, "o": 0, "t": model_state})


def stream_piece(prediction_id: str, *, index: int, offset: int, text: str) -> bool:
    """Send a piece of the text of input ``index``; say whether a reader asked to cancel.

    ``offset`` is where in the text it belongs, so that a reader sees when one
    was lost. One round trip sends and asks, so a reader who leaves stops the
    work within a token.
    """
    return _add(prediction_id, {"k": PIECE, "i": index, "o": offset, "t": text})


def stream_end(prediction_id: str) -> None:
    """Wake readers: the row is final."""
    _add(prediction_id, {"k": END, "i": 0, "o": 0, "t": ""})


def stream_cancel(prediction_id: str) -> None:
    """Ask whoever writes the stream to stop; the row asks for the same, a little slower."""
    redis_try(lambda client: client.set(_key(prediction_id) + ":cancel", 1, ex=_KEEP_S))


def stream_read(prediction_id: str, *, after: str, block_ms: int) -> list[Entry] | None:
    """Return what came after ``after`` ("0" for all), waiting; None when Redis is away."""
    key = _key(prediction_id)
    answer = redis_try(lambda client: client.xread({key: after}, block=block_ms) or [])
    if answer is None:
        return None
    # RESP3 answers with a mapping, RESP2 with pairs.
    streams = answer.items() if isinstance(answer, dict) else answer
    return [_entry(place, fields) for _, found in streams for place, fields in _flat(found)]


def _add(prediction_id: str, fields: dict[str, str | int]) -> bool:
    key = _key(prediction_id)

    def ask(client: object) -> bool:
        pipe = client.pipeline(transaction=False)  # type: ignore[attr-defined]
        pipe.xadd(key, fields, maxlen=_MAX_ENTRIES, approximate=True)
        pipe.expire(key, _KEEP_S)
        pipe.exists(key + ":cancel")
        return bool(pipe.execute()[-1])

    return redis_try(ask) or False


def _entry(place: bytes, fields: dict[bytes, bytes]) -> Entry:
    return Entry(
        place=place.decode(),
        kind=fields[b"k"].decode(),
        index=int(fields[b"i"]),
        offset=int(fields[b"o"]),
        text=fields[b"t"].decode(),
    )


def _flat(found: list) -> list:  # type: ignore[type-arg]
    """RESP3 wraps the entries of a stream in one more list."""
    return found[0] if found and isinstance(found[0], list) else found


def _key(prediction_id: str) -> str:
    return f"{settings.REDIS_PREFIX}prediction:{prediction_id}"
