"""Trying a plugin in a test: no server, no child process, no database.

``train_once`` and ``predict_once`` call the very functions that the host calls; ``dataset_write``
makes the folder that a plugin's data comes in. This is level L0 of isolation, none: for an
author's own plugin on an author's own machine.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from modelmill_sdk.data import DESCRIPTION_FILE, TrainData
from modelmill_sdk.errors import PluginError
from modelmill_sdk.host.parameters import parameters_read
from modelmill_sdk.host.prediction import plugin_predict
from modelmill_sdk.host.training import plugin_train
from modelmill_sdk.plugin import Plugin, Problem
from modelmill_sdk.protocol import Message, PredictStart, Progress, Result, StopReason, TrainStart


class Recorder:
    """A listener that keeps every message, every step's, and can ask a training to stop."""

    progress_interval_s = 0.0

    def __init__(self, *, stop_at_step: int | None = None, reason: StopReason = "cancel") -> None:
        """Ask to stop, for ``reason``, once progress has reached ``stop_at_step``."""
        self.messages: list[Message] = []
        self._stop_at_step = stop_at_step
        self._reason = reason
        self._stop: StopReason | None = None

    def tell(self, message: Message) -> None:
        """Keep the message."""
        self.messages.append(message)
        if isinstance(message, Progress) and self._stop_at_step is not None:
            self._stop = self._reason if message.step >= self._stop_at_step else None

    def stop_reason(self) -> StopReason | None:
        """Give the reason once the step was reached."""
        return self._stop

    def is_aborted(self, request_id: str) -> bool:
        """Say that nothing is ever given up."""
        return False


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


def dataset_write(
    folder: Path,
    kind: str,
    *,
    train: Sequence[Mapping[str, Any]],
    validation: Sequence[Mapping[str, Any]] = (),
    test: Sequence[Mapping[str, Any]] = (),
    label_names: Sequence[str] | None = None,
) -> Path:
    """Write rows as the folder the platform would hand to a plugin; a PIL image becomes a PNG."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder.mkdir(parents=True, exist_ok=True)
    splits: dict[str, Any] = {}
    for name, rows in (("train", train), ("validation", validation), ("test", test)):
        splits[name] = {"rows": len(rows), "files": []}
        if rows:
            splits[name]["files"] = [f"{name}-00000.parquet"]
            table = pa.Table.from_pylist([{k: _cell(v) for k, v in row.items()} for row in rows])
            pq.write_table(table, folder / f"{name}-00000.parquet")
    described = {
        "kind": kind,
        "label_names": None if label_names is None else list(label_names),
        "splits": splits,
    }
    (folder / DESCRIPTION_FILE).write_text(json.dumps(described), encoding="utf-8")
    return folder


def _plain(result: Result) -> Any:
    values: dict[str, Callable[[], Any]] = {
        "text": lambda: result.text,
        "json": lambda: result.value,
        "image": lambda: result.path,
        "file": lambda: result.path,
    }
    return values[result.kind]()


def _cell(value: Any) -> Any:
    if not hasattr(value, "save"):
        return value
    from io import BytesIO

    buffer = BytesIO()
    value.save(buffer, format="PNG")
    if not buffer.tell():
        raise PluginError("The picture could not be written.")
    return {"bytes": buffer.getvalue(), "path": None}
