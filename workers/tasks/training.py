"""The training worker's doorbell."""

from celery import shared_task

from workers.supervisor import train_all


@shared_task(name="workers.tasks.training.ring")
def ring(job_id: str = "") -> int:
    """Look what waits and train it, the oldest first; ``job_id`` is for the log alone."""
    return train_all()
