"""Which worker a job fits: what it is known to need, and what the worker has.

What a plugin's author declared holds for every job; what the same work took before is known of
some, and is the better figure. See docs/decisions/0061-memory-from-measured-peaks.md.
"""

from dataclasses import dataclass

from django.db.models import Max, Min, Q

from modelmill.training.models import Attempt, Job, WorkerSeen
from modelmill.training.states import EarlyEnd, State

# A peak is not the same to the last byte each time: other data in a batch, another allocator.
_MARGIN_PERCENT = 15


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What the same work took before, in MiB; 0 while nobody knows."""

    gpu_memory_mib: int = 0
    memory_mib: int = 0


def jobs_fitting(*, gpu_memory_mib: int, memory_mib: int) -> Q:
    """Say which jobs fit a worker: 0 MiB of a GPU is none, and 0 of memory is no bound."""
    fits = Q(gpu_memory_mib__lte=gpu_memory_mib)
    if gpu_memory_mib:
        # A CPU has none that could be too small: what a GPU took says nothing of it.
        fits &= Q(expected_gpu_memory_mib__lte=gpu_memory_mib)
    return fits & Q(expected_memory_mib__lte=memory_mib) if memory_mib else fits


def job_fits(job: Job, worker: WorkerSeen) -> bool:
    """Say whether a worker could take a job, by the rule of ``jobs_fitting``."""
    on_gpu_mib = job.expected_gpu_memory_mib if worker.gpu_memory_mib else 0
    if max(job.gpu_memory_mib, on_gpu_mib) > worker.gpu_memory_mib:
        return False
    return not worker.memory_mib or job.expected_memory_mib <= worker.memory_mib


def memory_measured(job: Job) -> Measured:
    """Return what the same work took when it was done before, in the tenant's scope.

    The same is: the same release on the same data with the same parameters. Name, seed and
    priority take no memory. Only trainings that ended well count: one that ran out of
    memory has a peak, too, and it was not enough. A model of a checkpoint takes no training.
    """
    if not job.parameters_sha256:
        # Written by a web process of the release before: its parameters are not known to be any.
        return Measured(gpu_memory_mib=0, memory_mib=0)
    done = Attempt.objects.filter(
        job__training_version_id=job.training_version_id,
        job__parameters_sha256=job.parameters_sha256,
        job__validation_version_id=job.validation_version_id,
        job__release_id=job.release_id,
        job__state=State.SUCCEEDED,
        outcome=State.SUCCEEDED,
        # Of several each had a part of the batch.
        devices=1,
    ).exclude(job__early_end=EarlyEnd.KEPT)
    most = done.aggregate(
        memory_mib=Max("peak_memory_mib"),
        gpu_mib=Max("peak_gpu_memory_mib"),
        device_mib=Min("device_memory_mib", filter=Q(peak_gpu_memory_mib__gt=0)),
    )
    return Measured(
        gpu_memory_mib=_with_margin(most["gpu_mib"] or 0, device_mib=most["device_mib"] or 0),
        # Without a margin: where it fitted once, it fits again.
        memory_mib=most["memory_mib"] or 0,
    )


def _with_margin(peak_mib: int, *, device_mib: int) -> int:
    """Add the margin to the largest peak, yet never shut out the smallest device that it fitted."""
    wanted_mib = -(-peak_mib * (100 + _MARGIN_PERCENT) // 100)
    return min(wanted_mib, device_mib or wanted_mib)
