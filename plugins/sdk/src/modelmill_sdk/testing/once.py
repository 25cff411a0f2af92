"""One training, one prediction, one validation, here and now: no child process, no server."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from modelmill_sdk.data import TrainData
from modelmill_sdk.host.parameters import parameters_read
from modelmill_sdk.host.prediction import plugin_predict
from modelmill_sdk.host.training import plugin_train
from modelmill_sdk.plugin import Plugin, Problem
from modelmill_sdk.protocol import PredictStart, Result, TrainStart
from modelmill_sdk.testing.recording import Recorder


def train_once(
    plugin_cls: type[Plugin],
    data_dir: Path,
    params: Mapping[str, Any] | None = None,
    workdir: Path | None = None,
    seed: int = 0,
    *,
    device: str = "cpu",
    threads: int = 1,
    resume_dir: Path | None = None,
    checkpoint_every_s: float = 60.0,
    recorder: Recorder | None = None,
) -> tuple[Path, dict[str, float | None]]:
    """Train here and now; give the model's folder and the final metrics.

    ``workdir`` defaults to ``work`` beside the data, and holds ``model`` and ``checkpoints``.
    With a ``recorder`` every message can be looked at, and the training stopped.
    """
    work = workdir or data_dir.parent / "work"
    start = TrainStart(
        plugin_id=plugin_cls.id,
        params=dict(params or {}),
        seed=seed,
        device=device,
        threads=threads,
        data_dir=data_dir,
        workdir=work,
        model_dir=work / "model",
        resume_dir=resume_dir,
        checkpoint_every_s=checkpoint_every_s,
        checkpoint_dir=work / "checkpoints",
    )
    done = plugin_train(plugin_cls(), start, recorder or Recorder())
    return start.model_dir, done.metrics


def predict_once(
    plugin_cls: type[Plugin],
    model_dir: Path,
    inputs: Sequence[Mapping[str, Any]],
    params: Mapping[str, Any] | None = None,
    seed: int | None = None,
    *,
    out_dir: Path | None = None,
    device: str = "cpu",
    recorder: Recorder | None = None,
) -> list[Any]:
    """Load and predict here and now; give one result per input, in order.

    A result is what a customer would get: a ``str``, a JSON value, or the ``Path`` of a file (a
    picture is a PNG). Files go to ``out_dir``, by default ``out`` beside the model. What was
    counted stands in the recorder's last message.
    """
    listener = recorder or Recorder()
    plugin = plugin_cls()
    start = PredictStart(
        request_id="test",
        inputs=[dict(values) for values in inputs],
        params=dict(params or {}),
        seed=seed,
        out_dir=out_dir or model_dir.parent / "out",
    )
    model = plugin.load(model_dir, device)
    done = plugin_predict(plugin, model, start, device=device, listener=listener)
    listener.tell(done)
    return [_plain(message) for message in listener.messages if isinstance(message, Result)]


def validate_once(
    plugin_cls: type[Plugin], data_dir: Path, params: Mapping[str, Any] | None = None
) -> list[Problem]:
    """Give the problems that the plugin finds in a dataset."""
    data = TrainData(data_dir, cache_dir=data_dir.parent / ".arrow")
    read = parameters_read(plugin_cls.TrainParams, dict(params or {}))
    return list(plugin_cls().validate(data, read))


def _plain(result: Result) -> Any:
    values: dict[str, Callable[[], Any]] = {
        "text": lambda: result.text,
        "json": lambda: result.value,
        "image": lambda: result.path,
        "file": lambda: result.path,
    }
    return values[result.kind]()
