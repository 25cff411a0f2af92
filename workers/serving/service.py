"""From a ring to a finished prediction: claim, load, run, store, settle."""

import os
import socket
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import structlog
from django.conf import settings
from modelmill.catalog.models import Release
from modelmill.catalog.selectors import release_to_load
from modelmill.core.errors import Conflict
from modelmill.core.killpoints import killpoint
from modelmill.core.scope import tenant_scope
from modelmill.inference.lifecycle import (
    Outcome,
    prediction_claim,
    prediction_fail,
    prediction_finish,
)
from modelmill.inference.models import Prediction
from modelmill.inference.services import prediction_ring_waiting
from modelmill.inference.streams import stream_start

from workers.hosts import HostDied
from workers.isolation import plugin_isolation
from workers.releases import release_named, release_paths, release_python
from workers.serving.errors import LeaseLost, Refused
from workers.serving.files import ModelFiles
from workers.serving.leases import Leases, Watch
from workers.serving.outputs import outputs_release, outputs_store
from workers.serving.pool import HostPool, Wanted
from workers.serving.running import Run, death_refusal
from workers.serving.turns import Turns
from workers.supervisor.devices import device_choose

logger = structlog.get_logger(__name__)

# Of one model at a time in one process: one is worked on, the others wait with
# their leases held, so that the next begins without a round through the broker.
MAX_TURNS = 3


class Server:
    """What a worker process serves predictions with: model files, warm hosts, leases."""

    def __init__(self, root: Path) -> None:
        """Keep everything under ``root``, within the bounds of the settings."""
        self.name = f"{socket.gethostname()}:{os.getpid()}"
        self.files = ModelFiles(root / "models", budget_bytes=settings.SERVING_DISK_MIB << 20)
        self.pool = HostPool(
            root / "hosts",
            budget_bytes=(settings.SERVING_MEMORY_MIB << 20) or _half_of_memory(),
            idle_s=settings.SERVING_IDLE_S,
            # Several models answer at once, so none gets every core.
            threads=settings.PLUGIN_THREADS or max(1, (os.cpu_count() or 1) // 2),
            device=device_choose().kind,
            warm_imports=settings.WARM_IMPORTS,
        )
        self.turns = Turns(MAX_TURNS)
        self.leases = Leases(also=self.pool.close_idle)

    def serve(self, prediction: Prediction) -> None:
        """Work on a claimed prediction to its end, whatever that is."""
        with self.leases.watch(prediction) as watch:
            try:
                self._finish(prediction, watch)
            except LeaseLost:
                logger.warning("prediction_lost", prediction=prediction.id)
            except Refused as refusal:
                _fail(prediction, refusal)
            except Exception:
                # The outermost function: whatever happens, the customer is
                # told and pays nothing, and the worker goes on.
                logger.exception("prediction_failed", prediction=prediction.id)
                _fail(
                    prediction,
                    Refused("Something failed on our side. Please try again.", code="internal"),
                )

    def close(self) -> None:
        """End every process and thread; predictions under way are not waited for."""
        self.leases.close()
        self.pool.close()

    def _finish(self, prediction: Prediction, watch: Watch) -> None:
        """Run it; once more on a fresh host if its process dies before anything was shown."""
        for is_last in (False, True):
            release = _release_for(prediction)
            run = _run_for(prediction, release, watch)
            try:
                outcome = self._through(run, prediction, release, watch)
            except HostDied as death:
                if is_last or (prediction.is_streamed and run.work.texts):
                    raise death_refusal(death) from death
                logger.warning("host_died", prediction=prediction.id, death=str(death))
                continue
            killpoint("predict.computed")
            if not prediction_finish(prediction, outcome=outcome):
                outputs_release(outcome.outputs)
                raise LeaseLost
            return

    def _through(self, run: Run, prediction: Prediction, release: Release, watch: Watch) -> Outcome:
        version = prediction.version
        wanted = Wanted(
            # A model moves to another process when another release is to load it.
            key=f"{version.id}/{release.id}",
            named=release_named(release),
            model_dir=lambda: self.files.folder(version),
            size_bytes=version.size_bytes,
            python=release_python(release),
            python_paths=release_paths(release),
            isolation=plugin_isolation(release.plugin_id),
        )
        with self.pool.host(wanted, check=_check_of(watch)) as (host, is_warm):
            load_ms = 0 if is_warm else host.load_ms
            model_state = "warm" if is_warm else "cold"
            if prediction.is_streamed:
                stream_start(prediction.id, model_state=model_state, load_ms=load_ms)
            try:
                work = run.through(host)
                outputs = outputs_store(prediction, work)
            except LeaseLost:
                # Its answer would come in the middle of the next prediction's.
                host.process.kill()
                raise
            except Refused as refusal:
                if refusal.code == "timeout":
                    host.process.kill()
                raise
            finally:
                run.clean(host)
        return Outcome(
            outputs=outputs,
            counts=dict(work.counts),
            model_state=model_state,
            load_ms=load_ms,
            compute_ms=work.compute_ms,
            is_cancelled=work.is_cancelled,
        )


def prediction_serve(prediction_id: str, *, tenant_id: str, version_id: str) -> None:
    """Claim a prediction and work on it; one that is not to be had is somebody else's.

    One too many for its model stays in the queue; who ends rings for it.
    """
    server = _server()
    with tenant_scope(tenant_id):
        with server.turns.one(version_id) as may:
            prediction = prediction_claim(prediction_id, worker=server.name) if may else None
            if prediction is not None:
                killpoint("predict.claimed")
                server.serve(prediction)
        if may and server.turns.left_waiting(version_id):
            prediction_ring_waiting(version_id, most=MAX_TURNS)


def _half_of_memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2


@lru_cache(maxsize=1)
def _server() -> Server:
    return Server(Path(settings.VAR_DIR) / "serving")


def _release_for(prediction: Prediction) -> Release:
    """Return the release that works on it; it may have gone since the prediction was asked for."""
    try:
        return release_to_load(prediction.version.release)
    except Conflict as error:
        raise Refused(error.message, code=error.code, param=error.param) from error


def _run_for(prediction: Prediction, release: Release, watch: Watch) -> Run:
    manifest = release.manifest
    return Run(
        prediction,
        watch=watch,
        check=_check_of(watch),
        round_size=1 if manifest["streams"] else manifest["max_batch"],
        timeout_s=settings.PREDICTION_TIMEOUT_S,
    )


def _check_of(watch: Watch) -> Callable[[], None]:
    def check() -> None:
        if watch.is_lost:
            raise LeaseLost

    return check


def _fail(prediction: Prediction, refusal: Refused) -> None:
    if refusal.detail:
        logger.error(
            "prediction_refused",
            prediction=prediction.id,
            plugin=prediction.plugin_id,
            code=refusal.code,
            detail=refusal.detail,
        )
    prediction_fail(prediction, code=refusal.code, message=refusal.message, param=refusal.param)
