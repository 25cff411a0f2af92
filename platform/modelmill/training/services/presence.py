"""Signs of life of workers, so that "no worker is running" can be said and not guessed."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.db.models.functions import Now

from modelmill.training.models import WorkerSeen

TRAIN_QUEUE = "train"

_FORGOTTEN_AFTER = timedelta(days=1)


def worker_report(
    name: str,
    *,
    device: str = "",
    gpu_memory_mib: int = 0,
    memory_mib: int = 0,
    queue: str | None = None,
    job_id: str = "",
    fences: dict[str, dict[str, str]] | None = None,
) -> None:
    """Note that a worker lives, and what it works on; also forgets those gone for a day.

    Without a ``queue`` the one it reported before stays, and so do the ``fences``.
    """
    has = {"device": device, "gpu_memory_mib": gpu_memory_mib, "memory_mib": memory_mib}
    now: dict[str, Any] = has | {"job_id": job_id}
    now |= {"seen_at": Now()} | ({"fences": fences} if fences else {})
    known = now if queue is None else {**now, "queue": queue}
    WorkerSeen.objects.update_or_create(
        name=name,
        defaults=known,
        create_defaults={**now, "queue": queue or TRAIN_QUEUE, "started_at": Now()},
    )
    WorkerSeen.objects.filter(seen_at__lt=Now() - _FORGOTTEN_AFTER).delete()


def worker_gone(name: str) -> None:
    """Forget a worker that said goodbye."""
    WorkerSeen.objects.filter(pk=name).delete()


def workers_live(queue: str = "") -> QuerySet[WorkerSeen]:
    """Return the workers heard of recently, by name; of one queue, or of all."""
    recent = timedelta(seconds=max(3 * settings.HEARTBEAT_S, 5))
    rows = WorkerSeen.objects.filter(seen_at__gte=Now() - recent).order_by("name")
    return rows.filter(queue__contains=queue) if queue else rows


def workers_waiting() -> QuerySet[WorkerSeen]:
    """Return the live workers that could train and have nothing to, by name."""
    return workers_live(TRAIN_QUEUE).filter(job_id="")


def worker_sweeps(name: str) -> bool:
    """Return whether it is this worker that sweeps: of all that wait to train, one is enough.

    The database says who waits, by its own clock: what a worker whose clock is wrong, or that has
    died, wrote down would otherwise keep the others from it.
    """
    return bool(workers_waiting().values_list("name", flat=True).first() == name)
