"""One attempt at a job: the conversation with the plugin's process."""

import os
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TypeVar

import structlog
from django.conf import settings
from django.utils.translation import gettext as _
from modelmill.core.errors import MillError
from modelmill.core.halting import Halted
from modelmill.core.killpoints import killpoint
from modelmill.core.storage import BlobDamaged, blob_release
from modelmill.training.devices import devices_name
from modelmill.training.failures import Failure
from modelmill.training.models import Checkpoint, Job
from modelmill.training.sayings import Said
from modelmill.training.services import (
    LeaseLost,
    attempt_environment,
    attempt_follows_pause,
    attempt_resumed,
    checkpoint_discard,
    checkpoint_newest,
)
from modelmill.training.states import EarlyEnd, State
from modelmill_sdk import protocol
from modelmill_sdk.errors import PluginError
from modelmill_sdk.protocol import FromChild, Stop, TrainStart, ValidateStart

from workers.hosts import HostDied, HostProcess, HostSpec
from workers.hosts.spec import MIB
from workers.isolation import plugin_isolation
from workers.releases import release_named, release_paths, release_python
from workers.supervisor.clock import SliceClock
from workers.supervisor.deadline import Deadline
from workers.supervisor.devices import Device, memory_limit_mib
from workers.supervisor.folders import folder_archive
from workers.supervisor.inputs import checkpoint_fetch, data_fetch
from workers.supervisor.keeper import Keeper
from workers.supervisor.notebook import Notebook
from workers.supervisor.outcomes import (
    Broke,
    Outcome,
    Stopped,
    Trained,
    death_outcome,
    failed_outcome,
    problems_outcome,
)
from workers.supervisor.processor import processor_name
from workers.supervisor.wishes import Wishes

T = TypeVar("T")

logger = structlog.get_logger(__name__)

_TICK_S = 0.2
_NAN_REPORTS = 20
# Data with so many faults is refused without looking for the rest of them.
_MOST_PROBLEMS = 1_000


class Supervision:
    """Prepares, validates, trains; ``run`` returns how it ended."""

    def __init__(
        self,
        job: Job,
        *,
        keeper: Keeper,
        clock: SliceClock,
        notebook: Notebook,
        device: Device,
        folder: Path,
    ) -> None:
        """Work in ``folder``, which is the attempt's own."""
        self._job = job
        self._keeper = keeper
        self._clock = clock
        self._notebook = notebook
        self._device = device
        self._folder = folder
        self._wishes = Wishes(job, keeper=keeper, notebook=notebook)
        self._has_started = False
        self._is_start_billed = False
        self._nan_reports = 0
        self.model_dir = folder / "model"

    def run(self) -> Outcome:
        """Train the job as far as it goes. Raises ``LeaseLost``."""
        try:
            return self._run()
        except Halted:
            return Stopped(state=self._wishes.becomes)

    def _run(self) -> Outcome:
        try:
            data_dir = self._prepare(partial(data_fetch, self._job, self._folder / "data"))
        except MillError as error:
            return Broke(code=Failure.DATASET_INVALID, message=error.message)
        resumed = self._resumable()
        if resumed is None and self._is_kept:
            message = _("The bytes of the checkpoint are damaged. Choose another checkpoint.")
            return Broke(code=Failure.PLUGIN_ERROR, message=message)
        is_paused = partial(attempt_follows_pause, self._keeper.lease)
        self._is_start_billed = self._keeper.insist(is_paused)
        killpoint("attempt.before_spawn")
        try:
            start = partial(HostProcess.start, self._spec())
            with self._prepare(start, undo=HostProcess.close) as host:
                killpoint("attempt.after_spawn")
                try:
                    return self._within_lease(host, data_dir=data_dir, resumed=resumed)
                finally:
                    # Not the polite way: whatever ended the talk, it may do nothing more.
                    host.kill()
        except HostDied as death:
            return self._stopped_or(death_outcome(death))
        except PluginError as error:
            # What it wrote, or said, is none of what a plugin may write or say.
            return Broke(code=Failure.PLUGIN_ERROR, detail=str(error))

    def _prepare(self, work: Callable[[], T], *, undo: Callable[[T], object] | None = None) -> T:
        """Do slow work before the training; raises ``Halted`` when it is not to begin."""
        during = partial(self._keeper.during, work, undo=undo, unless=self._wishes.is_to_stop)
        return self._keeper.insist(during)

    def _within_lease(
        self, host: HostProcess, *, data_dir: Path, resumed: Checkpoint | None
    ) -> Outcome:
        """Converse; the plugin ends before the lease does, even while a write hangs."""
        with Deadline(is_over=self._keeper.is_overdue, end=host.kill) as deadline:
            try:
                return self._converse(host, data_dir=data_dir, resumed=resumed)
            except HostDied:
                if deadline.has_ended:
                    raise LeaseLost(self._job.id) from None
                raise

    def _resumable(self) -> Checkpoint | None:
        """Fetch the newest checkpoint whose bytes are those that were stored, if there is one."""
        lease, insist = self._keeper.lease, self._keeper.insist
        while (newest := insist(partial(checkpoint_newest, lease))) is not None:
            folder = self._folder / "resume"
            try:
                self._prepare(partial(checkpoint_fetch, newest, folder))
            except BlobDamaged as damage:
                logger.error("checkpoint_damaged", job=lease.job_id, damage=str(damage))
                insist(partial(checkpoint_discard, lease, newest))
                continue
            return newest
        return None

    def _converse(
        self, host: HostProcess, *, data_dir: Path, resumed: Checkpoint | None
    ) -> Outcome:
        if resumed is None:
            refusal = self._validate(host, data_dir)
            if refusal is not None:
                return refusal
        if self._is_kept and "finish" not in host.stops:
            return Broke(code=Failure.PLUGIN_ERROR, message=self._trains_on())
        is_to_finish = self._wishes.newest == "finish" and "finish" in host.stops
        if is_to_finish:
            # Before it starts: what goes on from a checkpoint only to finish makes no further step.
            host.send(Stop(reason="finish"))
        host.send(self._start_message(data_dir, resumed))
        if is_to_finish:
            # And again: hosts of an older SDK forget at the start what they were told before it.
            self._wishes.finish(host)
        return self._listen(host, resumed_step=resumed.step if resumed else None)

    def _validate(self, host: HostProcess, data_dir: Path) -> Outcome | None:
        """Let the plugin look at the data, unbilled; None when it may train."""
        job = self._job
        named = release_named(job.release)
        host.send(ValidateStart(**named, params=job.parameters, data_dir=data_dir))
        problems = []
        began_at = time.monotonic()
        while True:
            message = host.receive(_TICK_S)
            self._keeper.tend()
            if isinstance(message, protocol.ProblemFound):
                problems.append(message)
            elif isinstance(message, protocol.Failed):
                return failed_outcome(message)
            is_done = isinstance(message, protocol.ValidateDone)
            if is_done or len(problems) == _MOST_PROBLEMS:
                return problems_outcome(problems) if problems else None
            # Asked however much the plugin says: one that never falls silent can be stopped, too.
            if self._wishes.is_to_stop():
                return Stopped(state=self._wishes.becomes)
            if time.monotonic() - began_at > settings.TRAIN_MAX_S:
                return Broke(code=Failure.TIMEOUT)

    def _listen(self, host: HostProcess, *, resumed_step: int | None) -> Outcome:
        try:
            return self._heard_out(host, resumed_step=resumed_step)
        finally:
            # However it ended: what comes now is the platform's own work.
            self._clock.stop()

    def _heard_out(self, host: HostProcess, *, resumed_step: int | None) -> Outcome:
        began_at, notebook = time.monotonic(), self._notebook
        # With the heartbeat that bills the last of its time a job is asked to finish, and ended
        # when it does not. This is for one whose time nobody counts: it has not begun, or is ours.
        most_s = settings.TRAIN_MAX_S + settings.FINISH_WITHIN_S + settings.LEASE_S
        while True:
            message = host.receive(_TICK_S)
            outcome = self._hear(host, message, resumed_step=resumed_step) if message else None
            notebook.measured(memory_bytes=host.peak_bytes(is_last=outcome is not None))
            if outcome is not None:
                return outcome
            self._keeper.tend()
            if self._wishes.obey(host):
                return Stopped(state=self._wishes.stop_state or State.QUEUED)
            if time.monotonic() - began_at > most_s:
                return Broke(code=Failure.TIMEOUT)
            if self._nan_reports >= _NAN_REPORTS:
                return Broke(code=Failure.NAN_LOSS)

    def _hear(
        self, host: HostProcess, message: FromChild, *, resumed_step: int | None
    ) -> Outcome | None:
        notebook = self._notebook
        if isinstance(message, protocol.Started):
            if self._has_started:
                # Once is enough: a second would begin the clock anew.
                return None
            self._has_started = True
            # It counts its own, and never more than it was given.
            devices = min(message.devices, self._devices)
            self._notebook.begin_at(resumed_step or 0)
            self._clock.start(
                resumed_step=resumed_step, devices=devices, is_start_billed=self._is_start_billed
            )
            self._wishes.train_from_now(devices=devices)
            self._keeper.note(partial(self._note_environment, message.environment, devices))
            self._say_started(resumed_step, device=devices_name(self._device.name, devices))
            # What these devices cost until the next proof is set aside before they have cost it.
            self._keeper.bear(self._keeper.beat)
        elif isinstance(message, protocol.Progress):
            if self._is_kept:
                has_gone_on = message.step > (resumed_step or 0)
                # One that is stopped meanwhile may make a step on its way; nothing of it stays.
                if (
                    has_gone_on
                    and self._wishes.stop_state is None
                    and self._wishes.newest == "finish"
                ):
                    return Broke(code=Failure.PLUGIN_ERROR, message=self._trains_on())
                return None
            notebook.progress(message)
            self._clock.stepped(notebook.step)
            self._note_gpu(message)
            killpoint("train.stepped")
            self._watch_loss(message)
        elif isinstance(message, protocol.Sample):
            self._keeper.bear(lambda: notebook.sample(message))
        elif isinstance(message, protocol.Log):
            notebook.log(message)
        elif isinstance(message, protocol.CheckpointSaved):
            # What makes a model of one checkpoint must not go on from another.
            if not self._is_kept:
                self._keeper.bear(lambda: self._checkpoint(message))
        elif isinstance(message, protocol.TrainDone):
            self._note_gpu(message)
            notebook.point()
            if message.stopped_reason is None:
                return Trained(metrics=message.metrics)
            if self._wishes.stop_state is None:
                return Broke(code=Failure.PLUGIN_ERROR, detail="It stopped without being asked to.")
            return Stopped(state=self._wishes.stop_state)
        elif isinstance(message, protocol.Failed):
            return self._stopped_or(failed_outcome(message, excess=host.excess))
        return None

    def _checkpoint(self, message: protocol.CheckpointSaved) -> None:
        killpoint("checkpoint.before_store")
        try:
            blob = self._keeper.during(
                partial(folder_archive, message.path),
                undo=blob_release,
                unless=self._wishes.is_cancelled,
            )
        except Halted:
            return
        except OSError as error:
            # Most likely a full disk. What was learnt is not lost yet: the next one may succeed.
            logger.error("checkpoint_not_stored", job=self._job.id, error=str(error))
            said = Said.CHECKPOINT_NOT_STORED
            self._notebook.say(said, level="warn", step=message.step)
            return
        killpoint("checkpoint.stored")
        try:
            self._keeper.checkpoint(step=message.step, blob=blob)
        except LeaseLost:
            blob_release(blob)
            raise

    def _stopped_or(self, broke: Broke) -> Outcome:
        """A plugin that fails while it stops has stopped."""
        return broke if self._wishes.stop_state is None else Stopped(state=self._wishes.stop_state)

    @property
    def _is_kept(self) -> bool:
        """Whether all there is to do is a model of a checkpoint."""
        return self._job.early_end == EarlyEnd.KEPT

    @staticmethod
    def _trains_on() -> str:
        return _("The plugin cannot make a model of a checkpoint: it trained on.")

    def _watch_loss(self, message: protocol.Progress) -> None:
        losses = [value for name, value in message.metrics.items() if "loss" in name]
        if losses:
            self._nan_reports = self._nan_reports + 1 if None in losses else 0

    def _note_gpu(self, message: protocol.Progress | protocol.TrainDone) -> None:
        """Take the process's word for its peak, as far as the device has as much."""
        most_bytes = self._device.memory_mib * MIB
        self._notebook.measured(gpu_memory_bytes=min(message.gpu_peak_bytes or 0, most_bytes))

    def _note_environment(self, versions: Mapping[str, str], devices: int) -> None:
        # Last, and in our own words: the process could tell of another.
        told = {**versions, "processor": processor_name()}
        attempt_environment(self._keeper.lease, told, threads=_threads(), devices=devices)

    def _say_started(self, resumed_step: int | None, *, device: str) -> None:
        logger.info("training_started", job=self._job.id, device=device)
        if resumed_step is None:
            self._notebook.say(Said.STARTED, device=device)
        else:
            self._keeper.note(partial(attempt_resumed, self._keeper.lease, step=resumed_step))
            self._notebook.say(Said.GOES_ON, step=resumed_step, device=device)

    def _start_message(self, data_dir: Path, resumed: Checkpoint | None) -> TrainStart:
        job, folder = self._job, self._folder
        return TrainStart(
            **release_named(job.release),
            params=job.parameters,
            seed=job.seed,
            device=self._device.kind,
            devices=self._devices,
            threads=_threads(),
            data_dir=data_dir,
            workdir=folder / "work",
            model_dir=self.model_dir,
            resume_dir=folder / "resume" if resumed is not None else None,
            checkpoint_every_s=settings.CHECKPOINT_EVERY_S,
            checkpoint_dir=folder / "checkpoints",
        )

    def _spec(self) -> HostSpec:
        return HostSpec(
            scratch_dir=self._folder,
            threads=_threads(),
            device=self._device.kind,
            devices=self._devices,
            python=release_python(self._job.release),
            python_paths=release_paths(self._job.release),
            warm_imports=settings.WARM_IMPORTS,
            **plugin_isolation(self._job.plugin_id, devices=self._devices),
        )

    @property
    def _devices(self) -> int:
        """How many of the worker's devices the plugin could use within the memory of one."""
        fitting = self._device.count
        if self._job.expected_memory_mib:
            # One process took as much, and here all of them share one bound. The claim saw to it
            # that one has enough.
            fitting = max(1, memory_limit_mib() // self._job.expected_memory_mib)
        return min(fitting, self._device.count, self._job.release.devices_most)


def _threads() -> int:
    # One core is left to the rest of the machine: threads that wait for a core that somebody
    # else has made the same step cost eight times the CPU time.
    return settings.PLUGIN_THREADS or max(1, (os.cpu_count() or 1) - 1)
