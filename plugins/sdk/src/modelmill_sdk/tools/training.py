"""A training on the author's machine, shown as it goes; Ctrl-C pauses it with a checkpoint."""

import shutil
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from modelmill_sdk.errors import PluginError
from modelmill_sdk.host.ranks import RankFailed
from modelmill_sdk.host.training import plugin_train
from modelmill_sdk.plugin import Plugin
from modelmill_sdk.protocol import (
    CheckpointSaved,
    Failed,
    Log,
    Message,
    Progress,
    Sample,
    Started,
    StopReason,
    TrainStart,
)
from modelmill_sdk.testing.once import validate_once
from modelmill_sdk.tools.screen import Bar, bar_make, metrics_words

_SHOWN_PROBLEMS = 20
# The platform reports ten times a second; a terminal needs no more.
_INTERVAL_S = 0.1


class TrainPlace:
    """The folders of a training at hand."""

    def __init__(self, root: Path) -> None:
        """Name the folders below ``root``."""
        self.root = root
        self.model = root / "model"
        self.checkpoints = root / "checkpoints"
        self.samples = root / "samples"
        self.work = root / "work"

    def newest_checkpoint(self) -> Path:
        """Give the newest checkpoint. Raises PluginError if there is none."""
        found = sorted(self.checkpoints.glob("step-*"))
        if not found:
            raise PluginError(f"{self.checkpoints} has no checkpoint to resume from.")
        return found[-1]


def train_here(
    plugin: type[Plugin],
    data_dir: Path,
    place: TrainPlace,
    *,
    params: Mapping[str, Any],
    seed: int,
    device: str,
    threads: int,
    devices: int,
    is_resumed: bool,
    checkpoint_every_s: float,
) -> int:
    """Validate, train, and say where everything is; 0 if a model came out."""
    if _problems_show(plugin, data_dir, params):
        return 1
    resume_dir = place.newest_checkpoint() if is_resumed else None
    for folder in (place.model, place.work, *([] if is_resumed else [place.checkpoints])):
        shutil.rmtree(folder, ignore_errors=True)
    start = TrainStart(
        plugin_id=plugin.id,
        params=dict(params),
        seed=seed,
        device=device,
        threads=threads,
        devices=devices,
        data_dir=data_dir,
        workdir=place.work.resolve(),
        model_dir=place.model.resolve(),
        checkpoint_dir=place.checkpoints.resolve(),
        checkpoint_every_s=checkpoint_every_s,
        resume_dir=None if resume_dir is None else resume_dir.resolve(),
    )
    with bar_make() as bar:
        listener = _Shown(bar, place)
        with listener.interruptible():
            try:
                done = plugin_train(plugin(), start, listener)
            except RankFailed as failed:
                # Its traceback stands above: the process wrote it itself.
                raise PluginError(failed.failed.message) from None
    if done.stopped_reason:
        sys.stderr.write(f"Paused at step {done.step}. Go on with the same command and --resume.\n")
        return 130
    sys.stderr.write(f"{metrics_words(done.metrics)}\nThe model is in {place.model}\n")
    return 0


def _problems_show(plugin: type[Plugin], data_dir: Path, params: Mapping[str, Any]) -> bool:
    problems = validate_once(plugin, data_dir, params)
    for one in problems[:_SHOWN_PROBLEMS]:
        where = [one.file, None if one.row is None else f"row {one.row}", one.field]
        place = ", ".join(part for part in where if part)
        sys.stderr.write(f"{place or 'dataset'}: {one.reason} {one.fix}\n")
    if problems:
        sys.stderr.write(f"{len(problems)} problems in the dataset; nothing was trained.\n")
    return bool(problems)


class _Shown:
    """A listener that shows a training on the screen and keeps its samples."""

    progress_interval_s = _INTERVAL_S

    def __init__(self, bar: Bar, place: TrainPlace) -> None:
        self._bar = bar
        self._place = place
        self._stop: StopReason | None = None

    def tell(self, message: Message) -> None:
        """Show one message."""
        if isinstance(message, Progress):
            self._bar.show(message.step, message.total, message.metrics)
        elif isinstance(message, Log):
            self._bar.say(message.message)
        elif isinstance(message, CheckpointSaved):
            self._bar.say(f"checkpoint at step {message.step}: {message.path}")
        elif isinstance(message, Sample):
            self._keep(message)
        elif isinstance(message, Started) and message.devices > 1:
            self._bar.say(f"on {message.devices} devices")
        elif isinstance(message, Failed):
            self._bar.say(message.message)

    def stop_reason(self) -> StopReason | None:
        """Say whether Ctrl-C was pressed."""
        return self._stop

    def is_aborted(self, request_id: str) -> bool:
        """Say that nothing is given up."""
        return False

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """Take the first Ctrl-C as a wish to pause; the second ends the program."""

        def pause(number: int, frame: FrameType | None) -> None:
            self._stop = "pause"
            signal.signal(signal.SIGINT, before)
            self._bar.say("Pausing at the next checkpoint; Ctrl-C again ends at once.")

        before = signal.signal(signal.SIGINT, pause)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def _keep(self, sample: Sample) -> None:
        self._place.samples.mkdir(parents=True, exist_ok=True)
        path = self._place.samples / f"{sample.name}-{sample.step:09d}"
        if sample.path is not None:
            path = path.with_suffix(sample.path.suffix)
            shutil.copyfile(sample.path, path)
        else:
            path = path.with_suffix(".txt")
            path.write_text(sample.text or "", encoding="utf-8")
        self._bar.say(f"sample: {path}")
