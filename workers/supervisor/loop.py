"""The outermost of a training worker: takes what waits, and brings each attempt to an end."""

import os
import socket
import traceback
from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TypedDict

import structlog
from modelmill.core.halting import Halted
from modelmill.core.killpoints import killpoint
from modelmill.core.models import Blob
from modelmill.core.scratch import scratch_folder
from modelmill.core.storage import blob_release
from modelmill.tenants.services import tenant_voice
from modelmill.training.failures import Failure
from modelmill.training.services import (
    JobCancelled,
    Lease,
    LeaseLost,
    attempt_release,
    event_say,
    job_claim,
    job_fail,
    job_finish,
    job_yield,
    worker_report,
)
from modelmill.training.states import State
from modelmill_sdk.artifacts import artifacts_check
from modelmill_sdk.errors import PluginError

from workers.looking import look_ask
from workers.supervisor.clock import SliceClock
from workers.supervisor.devices import Device, device_choose, device_held, memory_limit_mib
from workers.supervisor.draining import drain_asked
from workers.supervisor.folders import folder_store
from workers.supervisor.keeper import Keeper
from workers.supervisor.notebook import Notebook
from workers.supervisor.outcomes import Broke, Outcome, Stopped, Trained
from workers.supervisor.supervision import Supervision

logger = structlog.get_logger(__name__)


def worker_name() -> str:
    """Name this worker process, for leases and for people."""
    return f"{socket.gethostname()}:{os.getpid()}"


def train_all() -> int:
    """Train what waits until nothing is left that this worker can do; return how many attempts."""
    count, device = 0, device_choose()
    with device_held(device):
        while not drain_asked() and train_next():
            count += 1
    if count:
        # At once, or the sweep would take us for busy until our next sign of life.
        worker_report(worker_name(), device=device.shown, **_room(device))
    return count


def train_next() -> bool:
    """Claim one job and make one attempt at it; False when there was none."""
    device = device_choose()
    lease = job_claim(worker_name(), device=device.name, meter=device.meter, **_room(device))
    if lease is None:
        return False
    killpoint("claim.after_commit")
    log = logger.bind(job=lease.job_id, fence=lease.fence, attempt=lease.attempt)
    log.info("attempt_started", device=device.name)
    notebook, clock = Notebook(), SliceClock()
    keeper = Keeper(lease, clock=clock, notebook=notebook, device=device)
    with ExitStack() as voice:
        try:
            keeper.insist(lambda: voice.enter_context(tenant_voice(lease.tenant_id)))
            outcome = _attempt(keeper, clock, notebook, device=device)
            log.info("attempt_ended", outcome=type(outcome).__name__.lower())
        except LeaseLost:
            log.warning("lease_lost")
        except Exception:
            # The worker's outermost function: the job must not hang on a fault of ours.
            log.exception("attempt_crashed")
            _give_up(lease, detail=traceback.format_exc())
    return True


class _Room(TypedDict):
    """What a job may have here, in MiB."""

    gpu_memory_mib: int
    memory_mib: int


def _room(device: Device) -> _Room:
    return {"gpu_memory_mib": device.memory_mib, "memory_mib": memory_limit_mib()}


def _attempt(keeper: Keeper, clock: SliceClock, notebook: Notebook, *, device: Device) -> Outcome:
    job = keeper.insist(partial(attempt_release, keeper.lease))
    notebook.step, notebook.total_steps = job.step, job.total_steps
    try:
        with scratch_folder("train") as folder:
            supervision = Supervision(
                job,
                keeper=keeper,
                clock=clock,
                notebook=notebook,
                device=device,
                folder=folder,
            )
            keeper.insist(keeper.beat)
            outcome = supervision.run()
            return _end(outcome, keeper, clock, notebook, model_dir=supervision.model_dir)
    finally:
        notebook.discard()


def _end(
    outcome: Outcome, keeper: Keeper, clock: SliceClock, notebook: Notebook, *, model_dir: Path
) -> Outcome:
    """Write down how the attempt ended, with its last slice, in one transaction."""
    keeper.settle()
    if isinstance(outcome, Trained):
        other = _publish(outcome, keeper, clock, notebook, model_dir=model_dir)
        if other is None:
            return outcome
        outcome = other
    news, piece = notebook.news(), clock.cut(notebook.step)
    if isinstance(outcome, Stopped):
        state = outcome.state
        keeper.conclude(partial(job_yield, keeper.lease, state=state, news=news, piece=piece))
        notebook.settle(news)
        return outcome
    assert isinstance(outcome, Broke)
    if outcome.code == Failure.PLUGIN_MISSING:
        look_ask(outcome.detail)
    # The time since the last proof was the plugin's failure: nobody pays for it.
    fail = partial(
        job_fail,
        keeper.lease,
        code=outcome.code,
        message=outcome.message,
        param=outcome.param,
        detail=outcome.detail,
        news=news,
    )
    keeper.conclude(fail)
    notebook.settle(news)
    who = {"job_id": keeper.lease.job_id, "tenant_id": keeper.lease.tenant_id}
    for line in outcome.lines:
        keeper.insist(partial(event_say, line, **who, level="error"))
    return outcome


def _publish(
    trained: Trained, keeper: Keeper, clock: SliceClock, notebook: Notebook, *, model_dir: Path
) -> Broke | Stopped | None:
    """Store the model and finish the job; return how it ends where it does not end with that.

    Something may be wrong with the model, or nobody want it any more: then none of it stays.
    """
    killpoint("model.before_store")
    try:
        artifacts_check(model_dir)
        store = partial(
            keeper.during,
            partial(folder_store, model_dir),
            undo=_files_release,
            unless=keeper.is_cancelled,
        )
        files = keeper.insist(store)
    except Halted:
        return Stopped(state=State.CANCELLED)
    except PluginError as error:
        return Broke(code=Failure.PLUGIN_ERROR, detail=str(error))
    killpoint("model.stored")
    news, piece = notebook.news(), clock.cut(notebook.step)
    metrics = trained.metrics
    finish = partial(job_finish, keeper.lease, news, piece=piece, files=files, metrics=metrics)
    try:
        keeper.conclude(finish)
    except JobCancelled:
        _files_release(files)
        return Stopped(state=State.CANCELLED)
    except LeaseLost as lost:
        # Of a database that is still away nobody knows whether it has the model: what it has not
        # is an orphan, and swept as such.
        if lost.__cause__ is None:
            _files_release(files)
        raise
    killpoint("finish.after_commit")
    notebook.settle(news)
    return None


def _files_release(files: Mapping[str, Blob]) -> None:
    for blob in files.values():
        blob_release(blob)


def _give_up(lease: Lease, *, detail: str) -> None:
    """Let another worker try; if not even that can be written, the lease runs out by itself."""
    try:
        job_fail(lease, code=Failure.WORKER_LOST, detail=detail)
    except Exception:
        logger.exception("job_not_given_back", job=lease.job_id)
