"""Predictions: one request's inputs through the loaded model, in order."""

import inspect
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from modelmill_sdk.errors import Cancelled, CustomerError, PluginError
from modelmill_sdk.host.parameters import parameters_read
from modelmill_sdk.plugin import Params, Plugin
from modelmill_sdk.protocol import Chunk, Count, PredictDone, PredictStart
from modelmill_sdk.results import result_message
from modelmill_sdk.runs import Listener, PredictRun
from modelmill_sdk.texts import text_clean


def plugin_streams(plugin: type[Plugin]) -> bool:
    """Say whether ``predict`` is a generator function, and so streams pieces of text."""
    return inspect.isgeneratorfunction(plugin.predict)


def plugin_predict(
    plugin: Plugin, model: Any, start: PredictStart, *, device: str, listener: Listener
) -> PredictDone:
    """Tell every result of a request, and give the message that ends it.

    Raises CustomerError for inputs the plugin refuses, Cancelled once the request was given up,
    and whatever the plugin raises.
    """
    inputs = [
        parameters_read(plugin.Input, values, where=f"inputs.{index}")
        for index, values in enumerate(start.inputs)
    ]
    params = parameters_read(plugin.PredictParams, start.params)
    if not inputs:
        raise CustomerError("inputs: give at least one input.", "inputs")
    start.out_dir.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    counts: Counter[str] = Counter()
    size = 1 if plugin_streams(type(plugin)) else plugin.max_batch
    for first in range(0, len(inputs), size):
        run = _run_make(plugin, start, first, device=device, listener=listener)
        try:
            run.cancel_point()
            outcome = plugin.predict(model, inputs[first : first + size], params, run)
            _results_tell(outcome, inputs[first : first + size], first, run, listener)
        except Cancelled:
            # No PredictDone will sum them, and what was made until now counts.
            _counts_tell(counts + run.counts, start.request_id, listener)
            raise
        counts.update(run.counts)
    compute_ms = round((time.monotonic() - began) * 1000)
    return PredictDone(request_id=start.request_id, compute_ms=compute_ms, counts=dict(counts))


def _counts_tell(counts: Counter[str], request_id: str, listener: Listener) -> None:
    for meter, qty in counts.items():
        listener.tell(Count(meter=meter, qty=qty, request_id=request_id))


def _run_make(
    plugin: Plugin, start: PredictStart, first: int, *, device: str, listener: Listener
) -> PredictRun:
    return PredictRun(
        request_id=start.request_id,
        device=device,
        seed=start.seed,
        first_index=first,
        out_dir=start.out_dir,
        meters=plugin.meters,
        listener=listener,
    )


def _results_tell(
    outcome: Sequence[Any] | Iterator[str],
    batch: Sequence[Params],
    first: int,
    run: PredictRun,
    listener: Listener,
) -> None:
    if isinstance(outcome, Iterator):
        results: Sequence[Any] = [_stream_tell(outcome, first, run, listener)]
    else:
        results = outcome
    if len(results) != len(batch):
        raise PluginError(
            f"predict() gave {len(results)} results for {len(batch)} inputs.",
            rule="one-result-each",
        )
    for offset, value in enumerate(results):
        listener.tell(
            result_message(
                value,
                request_id=run.request_id,
                index=first + offset,
                out_dir=run.out_dir,
                finish_reason=run.finish_reason,
            )
        )


def _stream_tell(pieces: Iterator[str], index: int, run: PredictRun, listener: Listener) -> str:
    whole: list[str] = []
    try:
        for piece in pieces:
            run.cancel_point()
            if not isinstance(piece, str):
                raise PluginError(f"predict() yielded a {type(piece).__name__}; yield str pieces.")
            if piece:
                whole.append(text_clean(piece))
                listener.tell(Chunk(request_id=run.request_id, index=index, text=whole[-1]))
    finally:
        # Run the generator's own clean-up now, not when the collector comes by.
        if hasattr(pieces, "close"):
            pieces.close()
    return "".join(whole)
