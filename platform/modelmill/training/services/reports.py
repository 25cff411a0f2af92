"""What a worker writes while it trains: progress, heartbeats with their usage, checkpoints."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Greatest, Now

from modelmill.catalog.selectors import release_to_train
from modelmill.core.killpoints import killpoint
from modelmill.core.models import Blob
from modelmill.core.scope import tenant_scope
from modelmill.core.storage import blob_release
from modelmill.training.failures import ENDED_AT_LIMIT, Failure
from modelmill.training.models import CHECKPOINTS_KEPT, Attempt, Checkpoint, Job
from modelmill.training.pace import Pace
from modelmill.training.sayings import Said
from modelmill.training.selectors import access_job
from modelmill.training.services.events import EventDraft, event_say, events_write
from modelmill.training.services.leases import Lease, LeaseLost, lease_span, lease_update
from modelmill.training.services.limits import limits_keep
from modelmill.training.services.money import slice_bill
from modelmill.training.services.quoting import quote_keep
from modelmill.training.slices import Slice
from modelmill.training.states import Desired, State

_FORGOTTEN_AT_ONCE = 500
# No machine has more: a figure beyond it is a fault of whoever measured.
_MOST_MIB = 64 * 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class News:
    """Where the training is, and what happened since the last report."""

    step: int = 0
    total_steps: int = 0
    metrics: Mapping[str, Any] = field(default_factory=dict)
    events: Sequence[EventDraft] = ()
    peak_memory_mib: int = 0
    peak_gpu_memory_mib: int = 0
    pace: Pace = field(default_factory=Pace)


def job_report(lease: Lease, news: News) -> Desired:
    """Store progress and events without renewing the lease; return what the customer wants.

    Raises ``LeaseLost``, as every write of a worker does.
    """
    with tenant_scope(lease.tenant_id), transaction.atomic():
        news_write(lease, news)
        return _desired(lease)


def job_heartbeat(lease: Lease, news: News, *, piece: Slice | None) -> Desired:
    """Renew the lease, bill the slice it proves, store the news: one transaction.

    Safe to repeat with the same slice after a lost answer. Returns what the
    customer wants, or what a limit asks for: ``PAUSE`` when there is no money for the next slice.
    """
    with tenant_scope(lease.tenant_id), transaction.atomic():
        beat_write(lease, news, piece=piece)
        if piece is not None:
            job = Job.objects.select_related("release").get(pk=lease.job_id)
            quote_keep(job, news.pace)
            limits_keep(job, lease)
        killpoint("heartbeat.before_commit")
        return _desired(lease)


def job_wish(lease: Lease) -> Desired:
    """Return what the customer wants by now: one query, that writes nothing.

    Raises ``LeaseLost`` when the job is somebody else's.
    """
    with tenant_scope(lease.tenant_id):
        held = Job.objects.filter(pk=lease.job_id, fence=lease.fence, state=State.RUNNING)
        desired = held.values_list("desired_state", flat=True).first()
    if desired is None:
        raise LeaseLost(lease.job_id)
    return Desired(desired)


def job_is_cancelled(lease: Lease) -> bool:
    """Say whether its customer cancelled the job, and not a limit that it reached."""
    with tenant_scope(lease.tenant_id):
        held = Job.objects.filter(pk=lease.job_id, fence=lease.fence, state=State.RUNNING)
        cancelled = held.filter(desired_state=Desired.CANCEL)
        return cancelled.exclude(error_code__in=ENDED_AT_LIMIT).exists()


def checkpoint_commit(
    lease: Lease, news: News, *, piece: Slice | None, step: int, blob: Blob
) -> Checkpoint:
    """Make a stored archive the state to go on from, and bill the steps that led to it.

    Both at once: a resumed attempt then never starts behind steps nobody was
    billed for. The newest keep their bytes: two, or as many as the job keeps; of the
    others as many are remembered as the installation lists. A step saved again by the
    same attempt takes the place of the one before.
    """
    with tenant_scope(lease.tenant_id), transaction.atomic():
        beat_write(lease, news, piece=piece)
        replaced = _checkpoint_blob(lease, step=step)
        checkpoint, _is_new = Checkpoint.objects.update_or_create(
            tenant_id=lease.tenant_id,
            job_id=lease.job_id,
            step=step,
            fence=lease.fence,
            defaults={
                "sha256": blob.sha256,
                "size_bytes": blob.size_bytes,
                "metrics": dict(news.metrics),
                "blob": blob,
                "committed_at": Now(),
            },
        )
        if replaced is not None:
            blob_release(replaced)
        kept = Job.objects.values_list("keep_checkpoints", flat=True).get(pk=lease.job_id)
        checkpoints_release(lease.job_id, keep=max(CHECKPOINTS_KEPT, kept))
        _checkpoints_forget(lease.job_id)
        killpoint("checkpoint.before_commit")
    return checkpoint


def checkpoint_newest(lease: Lease) -> Checkpoint | None:
    """Return the committed state an attempt should start from."""
    with tenant_scope(lease.tenant_id):
        rows = Checkpoint.objects.select_related("blob")
        return (
            rows.filter(job_id=lease.job_id, blob__isnull=False).order_by("-step", "-fence").first()
        )


def checkpoint_discard(lease: Lease, checkpoint: Checkpoint) -> None:
    """Give up a checkpoint whose bytes are damaged, so that the one before is the newest."""
    with tenant_scope(lease.tenant_id), transaction.atomic():
        lease_update(lease, lease_until=Now() + lease_span())
        blob = checkpoint.blob
        # Once, however often it is tried: the answer to the first time may have been lost.
        if Checkpoint.objects.filter(pk=checkpoint.pk, blob=blob).update(blob=None) and blob:
            blob_release(blob)
        who = {"job_id": lease.job_id, "tenant_id": lease.tenant_id}
        event_say(Said.CHECKPOINT_DAMAGED, **who, level="warn", step=checkpoint.step)


def attempt_resumed(lease: Lease, *, step: int) -> None:
    """Note the step an attempt goes on from."""
    with tenant_scope(lease.tenant_id):
        Attempt.objects.filter(job_id=lease.job_id, fence=lease.fence).update(resumed_step=step)


def attempt_follows_pause(lease: Lease) -> bool:
    """Say whether the attempt goes on with what the customer, or a quote, had paused."""
    with tenant_scope(lease.tenant_id):
        earlier = Attempt.objects.filter(job_id=lease.job_id, fence__lt=lease.fence)
        outcomes = earlier.order_by("-fence").values_list("outcome", flat=True)
        return outcomes.first() == State.PAUSED


def attempt_is_concluded(lease: Lease) -> bool:
    """Say whether an attempt's end was written by its own worker, and not for want of a sign."""
    with tenant_scope(lease.tenant_id):
        rows = Attempt.objects.filter(job_id=lease.job_id, fence=lease.fence)
        ended = rows.filter(ended_at__isnull=False)
        return ended.exclude(outcome=Failure.WORKER_LOST).exists()


def attempt_environment(
    lease: Lease, environment: Mapping[str, str], *, threads: int, devices: int = 1
) -> None:
    """Note what an attempt computes with, so that its result can be made again.

    Besides versions by package name that is the plugin's release, the number of threads, and of
    devices: a sum is split among them.
    """
    noted: dict[str, Any] = dict(environment)
    with tenant_scope(lease.tenant_id):
        # The job's release is this attempt's only while the job is.
        held = Job.objects.select_related("release").filter(pk=lease.job_id, fence=lease.fence)
        if job := held.first():
            of_job = {"version": job.release.version, "digest": job.release.digest}
            noted[Attempt.RELEASE] = of_job
        rows = Attempt.objects.filter(job_id=lease.job_id, fence=lease.fence)
        rows.update(environment=noted, threads=threads, devices=devices)


def attempt_release(lease: Lease) -> Job:
    """Name the plugin's release that is about to train the job, and return the job.

    The plugin may have been upgraded while the job waited; the model's lineage
    must tell the release that made it.
    """
    with tenant_scope(lease.tenant_id), transaction.atomic():
        job = access_job(lease.job_id)
        current = release_to_train(job.release, is_begun=job.step > 0)
        if current.id != job.release_id:
            lease_update(lease, release=current)
            now = {"version": current.version}
            event_say(Said.RELEASE_CHANGED, job_id=job.id, tenant_id=job.tenant_id, **now)
    return access_job(lease.job_id)


def checkpoints_release(job_id: str, *, keep: int) -> None:
    """Give back the bytes of all but the newest ``keep`` checkpoints; their rows stay."""
    held = Checkpoint.objects.select_related("blob").filter(job_id=job_id, blob__isnull=False)
    for checkpoint in held.order_by("-step", "-fence")[keep:]:
        blob = checkpoint.blob
        Checkpoint.objects.filter(pk=checkpoint.pk).update(blob=None)
        if blob is not None:
            blob_release(blob)


def beat_write(lease: Lease, news: News, *, piece: Slice | None) -> None:
    """Renew, bill and store, inside the caller's transaction."""
    lease_update(lease, lease_until=Now() + lease_span())
    if piece is not None:
        slice_bill(lease, piece)
    _peaks_keep(lease, news)
    news_write(lease, news)


def news_write(lease: Lease, news: News) -> None:
    """Store progress and events, inside the caller's transaction."""
    lease_update(lease, step=news.step, total_steps=news.total_steps, metrics=dict(news.metrics))
    events_write(news.events, job_id=lease.job_id, tenant_id=lease.tenant_id)


def _peaks_keep(lease: Lease, news: News) -> None:
    memory_mib = min(news.peak_memory_mib, _MOST_MIB)
    gpu_memory_mib = min(news.peak_gpu_memory_mib, _MOST_MIB)
    grown = Q(peak_memory_mib__lt=memory_mib) | Q(peak_gpu_memory_mib__lt=gpu_memory_mib)
    Attempt.objects.filter(grown, job_id=lease.job_id, fence=lease.fence).update(
        peak_memory_mib=Greatest("peak_memory_mib", memory_mib),
        peak_gpu_memory_mib=Greatest("peak_gpu_memory_mib", gpu_memory_mib),
    )


def _checkpoint_blob(lease: Lease, *, step: int) -> Blob | None:
    """Return the bytes that this attempt has saved of a step already."""
    rows = Checkpoint.objects.select_related("blob")
    earlier = rows.filter(job_id=lease.job_id, fence=lease.fence, step=step).first()
    return earlier.blob if earlier is not None else None


def _checkpoints_forget(job_id: str) -> None:
    """Delete the rows of what has no bytes any more, but the newest, and what a model is made of.

    Where they grow, so that no job ever has more. Under the job's lock, which its lease is.
    """
    if settings.CHECKPOINTS_LISTED <= 0:
        return
    bare = Checkpoint.objects.filter(job_id=job_id, blob=None, made_jobs=None)
    first = settings.CHECKPOINTS_LISTED
    past = bare.order_by("-step", "-fence").values_list("pk", flat=True)
    if gone := list(past[first : first + _FORGOTTEN_AT_ONCE]):
        Checkpoint.objects.filter(pk__in=gone).delete()


def _desired(lease: Lease) -> Desired:
    return Desired(Job.objects.values_list("desired_state", flat=True).get(pk=lease.job_id))
