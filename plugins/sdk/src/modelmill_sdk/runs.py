"""The runs: how a plugin hears from the platform and speaks to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from modelmill_sdk.checkpoints import CheckpointFolder
from modelmill_sdk.errors import Cancelled, PluginError
from modelmill_sdk.metrics import metrics_plain
from modelmill_sdk.progress import ProgressReporter
from modelmill_sdk.protocol import (
    MAX_LOG_CHARS,
    MAX_SAMPLE_CHARS,
    CheckpointSaved,
    Log,
    Message,
    Sample,
    StopReason,
)
from modelmill_sdk.texts import text_clean

if TYPE_CHECKING:
    from modelmill_sdk.data import TrainData

_METERS_RULE = "meters-declared"


class Listener(Protocol):
    """Who a run speaks to: the pipe to the platform, or a test."""

    progress_interval_s: float

    def tell(self, message: Message) -> None:
        """Take one message; called from several threads."""

    def stop_reason(self) -> StopReason | None:
        """Say whether the training was asked to stop, and how."""

    def is_aborted(self, request_id: str) -> bool:
        """Say whether a prediction was given up."""


class TrainRun:
    """One training: what it works on, and what it has to say.

    On several devices each has a process with a run of its own. The one with ``rank`` 0 speaks for
    all: what the others report, show, save or log goes nowhere, and when its ``train`` ends, they
    are ended.
    """

    data: TrainData
    params: Any
    device: str
    rank: int
    world_size: int
    seed: int
    threads: int
    workdir: Path
    model_dir: Path
    resume_from: Path | None
    metrics: dict[str, float | None]

    def __init__(
        self,
        *,
        data: TrainData,
        params: Any,
        device: str,
        seed: int,
        threads: int,
        workdir: Path,
        model_dir: Path,
        resume_from: Path | None,
        checkpoints: CheckpointFolder,
        listener: Listener,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        """Hold what the host was sent; in a test, ``train_once`` makes one."""
        self.data = data
        self.params = params
        self.device = device
        self.rank, self.world_size = rank, world_size
        self.seed = seed
        self.threads = threads
        self.workdir = workdir
        self.model_dir = model_dir
        self.resume_from = resume_from
        self.metrics = {}
        self._checkpoints = checkpoints
        self._listener = listener
        self._reporter = ProgressReporter(listener.tell, interval_s=listener.progress_interval_s)
        self._sample_count = 0

    @property
    def step(self) -> int:
        """The last step that ``progress`` reported."""
        return self._reporter.step

    @property
    def total(self) -> int:
        """The last total that ``progress`` reported."""
        return self._reporter.total

    @property
    def is_finishing(self) -> bool:
        """Whether the customer wants a model of what was learnt so far: end the loop, and save it.

        Ask before every step; the kit checks that you do. False until there is something to save:
        a first step, or a checkpoint that was resumed from.
        """
        is_begun = self.step > 0 or self.resume_from is not None
        return is_begun and self._listener.stop_reason() == "finish"

    def progress(self, step: int, total: int, **metrics: Any) -> None:
        """Say that ``step`` of ``total`` is done: progress bar, heartbeat and cancel point in one.

        Cheap enough for every step: reports are thinned, and a metric may be a GPU tensor, read
        only when its report is sent. The step is what the customer pays for; it never goes back.

        Raises Cancelled once the training was cancelled: let it pass.
        """
        self._reporter.update(step, total, metrics)
        if self._listener.stop_reason() == "cancel":
            raise Cancelled

    def sample(self, name: str, value: Any, *, step: int) -> None:
        """Show a PIL image or a text made at this step; ``name`` tells series apart."""
        if self.rank:
            return
        self._reporter.flush()
        if isinstance(value, str):
            shown = Sample(
                step=step,
                name=name,
                kind="text",
                text=text_clean(value, max_chars=MAX_SAMPLE_CHARS),
            )
        else:
            folder = self.workdir / "samples"
            folder.mkdir(parents=True, exist_ok=True)
            self._sample_count += 1
            path = folder / f"{step:09d}-{self._sample_count:06d}.png"
            value.save(path, format="PNG")
            shown = Sample(step=step, name=name, kind="image", path=path)
        self._listener.tell(shown)

    def checkpoint(self, step: int, save: Callable[[Path], object]) -> bool:
        """Save a resumable state if one is due or asked for; say whether it was.

        ``save(folder)`` writes files of its own into an empty folder, and everything needed to go
        on after ``step``: weights, optimizer, random generators, position in the data. Call it
        after the ``progress`` of the same step, as often as a state is consistent; nearly all
        calls cost nothing.

        Raises Cancelled after the last checkpoint of a training that is being paused.
        """
        pausing = self._listener.stop_reason() == "pause"
        if not pausing and not self._checkpoints.is_due():
            return False
        self._reporter.flush()
        path = self._checkpoints.save(step, save)
        self._listener.tell(CheckpointSaved(step=step, path=path))
        if pausing:
            raise Cancelled
        return True

    def report(self, **metrics: Any) -> None:
        """Set final metrics, shown with the model; a later value replaces an earlier one."""
        self.metrics.update(metrics_plain(metrics))

    def log(self, message: str) -> None:
        """Add a line to the job's events."""
        self._listener.tell(Log(message=text_clean(message, max_chars=MAX_LOG_CHARS)))

    def alone(self, *, threads: int) -> None:
        """Go on with one device and all threads; the host calls it when the others have ended."""
        self.rank, self.world_size, self.threads = 0, 1, threads

    def close(self) -> None:
        """Send what is waiting; the host calls it when ``train`` has ended, however it ended."""
        self._reporter.close()


class PredictRun:
    """One prediction: a request's inputs, or one input of it when the plugin streams."""

    request_id: str
    device: str
    seed: int | None
    first_index: int
    out_dir: Path
    finish_reason: str
    counts: Counter[str]

    def __init__(
        self,
        *,
        request_id: str,
        device: str,
        seed: int | None,
        first_index: int = 0,
        out_dir: Path,
        meters: Collection[str],
        listener: Listener,
    ) -> None:
        """Hold what the host was sent; ``seed`` is None when the customer gave none.

        ``first_index`` is the place of the first input in its request, which is split where it
        has more than ``max_batch``.
        """
        self.request_id = request_id
        self.device = device
        self.seed = seed
        self.first_index = first_index
        self.out_dir = out_dir
        self.finish_reason = "stop"
        self.counts = Counter()
        self._meters = meters
        self._listener = listener

    def count(self, meter: str, n: int) -> None:
        """Count ``n`` uses of a declared meter, such as "tokens_out"."""
        _check_meter(meter, n, self._meters)
        self.counts[meter] += int(n)

    def cancel_point(self) -> None:
        """Raise Cancelled if the prediction was given up; a stream need not call it."""
        if self._listener.is_aborted(self.request_id):
            raise Cancelled


def _check_meter(meter: str, n: int, meters: Collection[str]) -> None:
    if meter not in meters:
        raise PluginError(
            f"The meter {meter!r} is not declared; meters: {sorted(meters)}.", rule=_METERS_RULE
        )
    if n < 0:
        raise PluginError(f"count({meter!r}, {n}): a use cannot be taken back.", rule=_METERS_RULE)
