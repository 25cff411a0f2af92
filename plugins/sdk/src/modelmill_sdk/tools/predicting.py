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
    _model_refuse(plugin, model_dir)
    with tempfile.TemporaryDirectory() as empty:
        one = plugin()
        model = _load(one, (model_dir or Path(empty)).resolve(), device)
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


def _model_refuse(plugin: type[Plugin], model_dir: Path | None) -> None:
    """Raise PluginError where no model can be, and say where one is."""
    trains = plugin_trains(plugin)
    if model_dir is None:
        if trains:
            raise PluginError("Name the folder of a trained model, such as mill-run/model.")
        return
    if not model_dir.is_dir():
        hint = (
            "name the folder that `mill-plugin run train` named, such as mill-run/model"
            if trains
            else f"{plugin.id} does not train, so leave it out"
        )
        raise PluginError(f"There is no folder of a model at {model_dir}; {hint}.")
    if trains and not any(model_dir.iterdir()):
        raise PluginError(f"{model_dir} is empty; train first, or name another folder.")


def _load(plugin: Plugin, folder: Path, device: str) -> Any:
    """Load a model; a file that is missing in its folder says that it is another's folder."""
    try:
        return plugin.load(folder, device)
    except FileNotFoundError as error:
        missing = Path(str(error.filename))
        if not missing.is_relative_to(folder):
            raise
        inner = folder / "model"
        hint = f"did you mean {inner}?" if inner.is_dir() else "is it a model of this plugin?"
        raise PluginError(
            f"{folder} has no {missing.relative_to(folder)}, which load() of {plugin.id} reads; "
            f"{hint}"
        ) from error


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
