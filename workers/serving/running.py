"""One prediction through a loaded model: rounds of inputs in, pieces and results out."""

import json
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from modelmill.core.scratch import folder_clear
from modelmill.inference.models import Prediction
from modelmill.inference.streams import stream_piece
from modelmill_sdk.protocol import (
    Chunk,
    Count,
    Failed,
    FromChild,
    PredictAbort,
    PredictDone,
    PredictStart,
    Result,
)

from workers.hosts import HostDied
from workers.hosts.spec import MIB
from workers.serving.errors import Refused
from workers.serving.hosts import WarmHost
from workers.serving.leases import Watch

_TICK_S = 0.25
_ABORT_S = 5.0
# Far above any answer, and far below what would hurt the others whom this worker serves.
_MOST_CHARS = 64 << 20
_MOST_METERS = 100


@dataclass
class Work:
    """What a prediction has made so far."""

    results: dict[int, Result] = field(default_factory=dict)
    texts: dict[int, str] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    compute_ms: int = 0
    is_cancelled: bool = False
    # All that was said in texts and values, also what a later word took the place of.
    chars: int = 0


class Run:
    """Drives one prediction through one host. The host is of no more use if this raises."""

    def __init__(
        self,
        prediction: Prediction,
        *,
        watch: Watch,
        check: Callable[[], None],
        round_size: int,
        timeout_s: float,
    ) -> None:
        """Give ``round_size`` inputs to the plugin at a time."""
        self._prediction = prediction
        self._watch = watch
        self._check = check
        self._round_size = round_size
        self._timeout_s = timeout_s
        self.work = Work()

    def through(self, host: WarmHost) -> Work:
        """Work on every input, or until somebody gives the prediction up.

        Raises ``Refused`` for what the plugin refuses or fails at, ``HostDied``,
        and whatever ``check`` raises.
        """
        out_dir = host.scratch_dir / "out" / self._prediction.id
        deadline = time.monotonic() + self._timeout_s
        for first in range(0, len(self._prediction.inputs), self._round_size):
            self._round(host, first, out_dir, deadline)
            if self.work.is_cancelled:
                break
        return self.work

    def clean(self, host: WarmHost) -> None:
        """Delete the files of the results, once they are stored."""
        out_dir = host.scratch_dir / "out" / self._prediction.id
        folder_clear(out_dir)

    def _round(self, host: WarmHost, first: int, out_dir: Path, deadline: float) -> None:
        prediction = self._prediction
        request_id = f"{prediction.id}.{first}"
        began = time.monotonic()
        host.process.send(
            PredictStart(
                request_id=request_id,
                inputs=prediction.inputs[first : first + self._round_size],
                params=prediction.parameters,
                # Each round goes on where the one before would have: without
                # this, every answer to "n=3" would be the same.
                seed=None if prediction.seed is None else (prediction.seed + first) % 2**63,
                out_dir=out_dir / str(first),
            )
        )
        aborted_at: float | None = None
        while True:
            message = host.process.receive(_TICK_S)
            self._check()
            if self._watch.is_cancelled and aborted_at is None:
                aborted_at = time.monotonic()
                host.process.send(PredictAbort(request_id=request_id))
            if message is not None and self._is_mine(message, request_id):
                self._check_bounds(message, host, first)
                if self._take(message, first):
                    break
            if aborted_at is not None and time.monotonic() > aborted_at + _ABORT_S:
                host.process.kill()
                self.work.is_cancelled = True
                break
            if time.monotonic() > deadline:
                raise Refused(
                    f"The model did not answer within {self._timeout_s:g} seconds.",
                    code="timeout",
                )
        self.work.compute_ms += round((time.monotonic() - began) * 1000)

    def _is_mine(self, message: FromChild, request_id: str) -> bool:
        return getattr(message, "request_id", None) == request_id

    def _check_bounds(self, message: FromChild, host: WarmHost, first: int) -> None:
        """End a host that says more than an answer may have, or answers what nobody asked."""
        self.work.chars += _chars(message)
        reason = ""
        if isinstance(message, Chunk | Result):
            count = min(self._round_size, len(self._prediction.inputs) - first)
            if message.index >= count:
                reason = f"It answered input {message.index} of {count}."
        if self.work.chars > _MOST_CHARS:
            reason = f"It answered with more than {_MOST_CHARS:,} characters."
        if len(self.work.counts) > _MOST_METERS:
            reason = f"It counted more than {_MOST_METERS} meters."
        if reason:
            host.process.kill()
            raise _broken(reason, code="plugin_error")

    def _take(self, message: FromChild, first: int) -> bool:
        """Take in one message; say whether the round is over."""
        if isinstance(message, Chunk):
            self._take_piece(first + message.index, message.text)
        elif isinstance(message, Result):
            self.work.results[first + message.index] = message
        elif isinstance(message, Count):
            self.work.counts[message.meter] += message.qty
        elif isinstance(message, PredictDone):
            self.work.counts.update(message.counts)
            return True
        elif isinstance(message, Failed):
            self._take_failure(message)
            return True
        return False

    def _take_piece(self, index: int, text: str) -> None:
        before = self.work.texts.get(index, "")
        self.work.texts[index] = before + text
        if self._prediction.is_streamed and stream_piece(
            self._prediction.id, index=index, offset=len(before), text=text
        ):
            self._watch.is_cancelled = True

    def _take_failure(self, message: Failed) -> None:
        if message.code == "cancelled":
            self.work.is_cancelled = True
        elif message.who == "customer":
            code = message.code if message.code == "out_of_memory" else "invalid_value"
            raise Refused(message.message, code=code, param=_param(message.param))
        else:
            raise _broken(f"{message.message}\n{message.traceback}", code=message.code)


def _broken(detail: str, *, code: str) -> Refused:
    return Refused(
        "The model failed on this input. The operator was told; nothing was charged.",
        code=code,
        detail=detail,
    )


def _chars(message: FromChild) -> int:
    """Count the characters that an answer has to be kept in."""
    if isinstance(message, Chunk):
        return len(message.text)
    if isinstance(message, Result):
        value = "" if message.value is None else json.dumps(message.value, ensure_ascii=False)
        return len(message.text or "") + len(value)
    return 0


def death_refusal(death: HostDied) -> Refused:
    """Return what a customer is told when the plugin's process died on their prediction."""
    if death.excess is not None:
        return Refused(
            f"The model needed more than the {death.excess.most_bytes // MIB} MiB of memory that "
            "it may have; nothing was charged. Ask for less at once. If one small input fails as "
            "well, the model does not fit here: tell the operator.",
            code="out_of_memory",
            detail=f"{death}\n{death.stderr_tail}",
        )
    return Refused(
        "The model's process ended while it worked on this. Nothing was charged.",
        code="plugin_crashed",
        detail=f"{death}\n{death.stderr_tail}",
    )


def _param(param: str | None) -> str | None:
    """Name a parameter as the customer knows it: of a single input, without its place."""
    return param.removeprefix("inputs.0.") if param else None
