"""Training: one plugin's ``train``, from the message that starts it to the one that ends it."""

import os
import sys

from modelmill_sdk.artifacts import artifacts_check
from modelmill_sdk.checkpoints import CheckpointFolder
from modelmill_sdk.data import TrainData
from modelmill_sdk.errors import Cancelled
from modelmill_sdk.host.pages import pages_keep
from modelmill_sdk.host.parameters import parameters_read
from modelmill_sdk.host.versions import versions_read
from modelmill_sdk.peaks import gpu_peak_bytes
from modelmill_sdk.plugin import Plugin
from modelmill_sdk.protocol import Started, TrainDone, TrainStart
from modelmill_sdk.runs import Listener, TrainRun
from modelmill_sdk.seeding import seed_everything


def plugin_train(plugin: Plugin, start: TrainStart, listener: Listener) -> TrainDone:
    """Train, evaluate, and give the message that says how it ended.

    Raises CustomerError for parameters the plugin refuses, and whatever the plugin raises.
    """
    run = _run_make(plugin, start, listener)
    listener.tell(Started(environment=versions_read(start.distribution)))
    try:
        plugin.train(run)
        artifacts_check(run.model_dir)
        run.report(**plugin.evaluate(run))
    except Cancelled:
        reason = listener.stop_reason() or "cancel"
        return TrainDone(step=run.step, stopped_reason=reason, gpu_peak_bytes=gpu_peak_bytes())
    finally:
        run.close()
    return TrainDone(step=run.step, metrics=run.metrics, gpu_peak_bytes=gpu_peak_bytes())


def threads_limit(threads: int) -> None:
    """Let numeric libraries use that many threads, whether torch is imported by now or not."""
    os.environ["OMP_NUM_THREADS"] = str(threads)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(threads)


def _run_make(plugin: Plugin, start: TrainStart, listener: Listener) -> TrainRun:
    params = parameters_read(plugin.TrainParams, start.params)
    for folder in (start.workdir, start.model_dir):
        folder.mkdir(parents=True, exist_ok=True)
    checkpoints = CheckpointFolder(start.checkpoint_dir, every_s=start.checkpoint_every_s)
    checkpoints.clear_torn()
    threads_limit(start.threads)
    pages_keep()
    seed_everything(start.seed)
    return TrainRun(
        data=TrainData(start.data_dir, cache_dir=start.workdir / ".arrow"),
        params=params,
        device=start.device,
        seed=start.seed,
        threads=start.threads,
        workdir=start.workdir,
        model_dir=start.model_dir,
        resume_from=start.resume_dir,
        checkpoints=checkpoints,
        listener=listener,
    )
