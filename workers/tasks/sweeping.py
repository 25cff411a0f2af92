"""The regular look at the training queue, on any worker: it must not wait for a training."""

from celery import shared_task
from modelmill.training.services import checkpoints_expire, jobs_sweep

EVERY_S = {"workers.tasks.sweeping.jobs": 10.0, "workers.tasks.sweeping.checkpoints": 3600.0}


@shared_task(name="workers.tasks.sweeping.jobs")
def jobs() -> int:
    """Take back expired leases, queue what became ready, ring for what waits."""
    return jobs_sweep().waiting


@shared_task(name="workers.tasks.sweeping.checkpoints")
def checkpoints() -> int:
    """Delete the checkpoints that are older than the installation keeps."""
    return checkpoints_expire()
