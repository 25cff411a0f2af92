"""Training: one plugin's ``train``, from the message that starts it to the one that ends it."""

import math
import os
import sys
from contextlib import closing

from modelmill_sdk.artifacts import artifacts_check
from modelmill_sdk.checkpoints import CheckpointFolder
from modelmill_sdk.data import TrainData
from modelmill_sdk.errors import Cancelled, CustomerError
from modelmill_sdk.host.failures import failure_message
from modelmill_sdk.host.pages import pages_keep
from modelmill_sdk.host.parameters import parameters_read
from modelmill_sdk.host.ranks import RankFailed, Ranks
from modelmill_sdk.host.versions import versions_read
from modelmill_sdk.peaks import gpu_peak_bytes
from modelmill_sdk.plugin import Plugin
from modelmill_sdk.protocol import Started, TrainDone, TrainStart
from modelmill_sdk.runs import Listener, TrainRun
from modelmill_sdk.seeding import seed_everything


def plugin_train(plugin: Plugin, start: TrainStart, listener: Listener) -> TrainDone:
    """Train, evaluate, and give the message that says how it ended.

    Raises CustomerError for parameters the plugin refuses, whatever the plugin raises, and
    RankFailed where the process of another device did.
    """
    world_size = 1 if start.devices == 1 else _devices_used(plugin, start)
    run = run_make(plugin, start, listener, world_size=world_size)
    with closing(Ranks(start, world_size=world_size, listener=listener)) as ranks:
        ranks.begin()
        versions = versions_read(start.distribution)
        listener.tell(Started(environment=versions, devices=world_size))
        try:
            plugin.train(run)
            failure = ranks.failure(wait_s=0)
            if failure is not None:
                raise RankFailed(failure)
            ranks.close()
            run.alone(threads=start.threads)
            threads_limit(start.threads)
            artifacts_check(run.model_dir)
            run.report(**plugin.evaluate(run))
        except Cancelled:
            reason = listener.stop_reason() or "cancel"
            peak_bytes = gpu_peak_bytes()
            return TrainDone(step=run.step, stopped_reason=reason, gpu_peak_bytes=peak_bytes)
        except (CustomerError, RankFailed):
            raise
        except Exception as error:
            # What another process failed by comes before the broken connection to it.
            failure = ranks.failure()
            if failure is None:
                own = failure_message(error)
                failure = ranks.explained(own)
                if failure is own:
                    raise
            raise RankFailed(failure) from error
        finally:
            run.close()
    return TrainDone(step=run.step, metrics=run.metrics, gpu_peak_bytes=gpu_peak_bytes())


def threads_limit(threads: int) -> None:
    """Let numeric libraries use that many threads, whether torch is imported by now or not."""
    os.environ["OMP_NUM_THREADS"] = str(threads)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(threads)


def _devices_used(plugin: Plugin, start: TrainStart) -> int:
    params = parameters_read(plugin.TrainParams, start.params)
    data = TrainData(start.data_dir, cache_dir=start.workdir / ".arrow")
    return max(1, min(start.devices, plugin.devices_most(data, params)))


def _devices_limit(count: int) -> None:
    """Hide the devices that are not used: libraries take every one that they see."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible:
        os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(visible.split(",")[:count])


def run_make(
    plugin: Plugin,
    start: TrainStart,
    listener: Listener,
    *,
    rank: int = 0,
    world_size: int = 1,
) -> TrainRun:
    """Make what ``train`` is called with, in the process of a rank."""
    params = parameters_read(plugin.TrainParams, start.params)
    # Only the first process writes where the platform looks.
    workdir = start.workdir / f"rank-{rank}" if rank else start.workdir
    model_dir = workdir / "model" if rank else start.model_dir
    for folder in (workdir, model_dir):
        folder.mkdir(parents=True, exist_ok=True)
    checkpoints = CheckpointFolder(
        start.checkpoint_dir, every_s=math.inf if rank else start.checkpoint_every_s
    )
    if not rank:
        checkpoints.clear_torn()
    if start.device != "cpu":
        _devices_limit(world_size)
    threads = max(1, start.threads // world_size)
    threads_limit(threads)
    pages_keep()
    seed_everything(start.seed)
    is_numbered = world_size > 1 and start.device != "cpu"
    return TrainRun(
        data=TrainData(start.data_dir, cache_dir=workdir / ".arrow"),
        params=params,
        device=f"{start.device}:{rank}" if is_numbered else start.device,
        rank=rank,
        world_size=world_size,
        seed=start.seed,
        threads=threads,
        workdir=workdir,
        model_dir=model_dir,
        resume_from=start.resume_dir,
        checkpoints=checkpoints,
        listener=listener,
    )
