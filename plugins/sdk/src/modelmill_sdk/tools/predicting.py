"""Predictions on the author's machine: streams printed as they come, files left in a folder."""

import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from modelmill_sdk.describing import plugin_trains
from modelmill_sdk.errors import PluginError
from modelmill_sdk.host.prediction import plugin_predict
from modelmill_sdk.plugin import Plugin
from modelmill_sdk.protocol import Chunk, Message, PredictStart, Result, StopReason


def predict_here(
    plugin: type[Plugin],
    model_dir: Path | None,
    *,
    inputs: Sequence[Mapping[str, Any]],
    params: Mapping[str, Any],
    seed: int | None,
    device: str,
    out_dir: Path,
) -> int:
    """Load, predict, print every result and what was counted."""
    if model_dir is None and plugin_trains(plugin):
        raise PluginError("Name the folder of a trained model, such as mill-run/model.")
    if model_dir is not None and not model_dir.is_dir():
        raise PluginError(f"There is no model at {model_dir}.")
    with tempfile.TemporaryDirectory() as empty:
        one = plugin()
        model = one.load((model_dir or Path(empty)).resolve(), device)
        start = PredictStart(
            request_id="run",
            inputs=[dict(values) for values in inputs],
            params=dict(params),
            seed=seed,
            out_dir=out_dir.resolve(),
        )
        done = plugin_predict(one, model, start, device=device, listener=_Printed())
    counted = "".join(f", {qty} {meter}" for meter, qty in done.counts.items())
    sys.stderr.write(f"{done.compute_ms} ms{counted}\n")
    return 0


class _Printed:
    """A listener that prints results; a stream piece by piece."""

    progress_interval_s = 0.0

    def __init__(self) -> None:
        self._streamed: set[int] = set()

    def tell(self, message: Message) -> None:
        """Print one message."""
        if isinstance(message, Chunk):
            self._streamed.add(message.index)
            sys.stdout.write(message.text)
            sys.stdout.flush()
        if isinstance(message, Result):
            sys.stdout.write(self._words(message) + "\n")

    def stop_reason(self) -> StopReason | None:
        """Say that nothing is stopped."""
        return None

    def is_aborted(self, request_id: str) -> bool:
        """Say that nothing is given up."""
        return False

    def _words(self, result: Result) -> str:
        if result.index in self._streamed:
            return ""
        if result.path is not None:
            return str(result.path)
        if result.kind == "json":
            return json.dumps(result.value, ensure_ascii=False)
        return result.text or ""
