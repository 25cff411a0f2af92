"""The regular look at the training queue, on any worker: it must not wait for a training."""

from celery import shared_task
from modelmill.training.services import checkpoints_expire, jobs_sweep

_PASSES = 100
EVERY_S = {"workers.tasks.sweeping.jobs": 10.0, "workers.tasks.sweeping.checkpoints": 3600.0}


@shared_task(name="workers.tasks.sweeping.jobs")
def jobs() -> int:
    """Take back expired leases, queue what became ready, ring for what waits."""
    return jobs_sweep().waiting


@shared_task(name="workers.tasks.sweeping.checkpoints")
def checkpoints() -> int:
    """Delete the checkpoints that are older than the installation keeps."""
    count = 0
    for _pass in range(_PASSES):
        deleted = checkpoints_expire()
        count += deleted
        if not deleted:
            break
    return count
