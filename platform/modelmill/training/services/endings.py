"""How an attempt ends: with a model, with an error, or by giving the job back."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from django.db import transaction
from django.db.models import Case, F, Value, When
from django.db.models.functions import Now

from modelmill.core.ids import new_id
from modelmill.core.killpoints import killpoint
from modelmill.core.models import Blob
from modelmill.core.outbox import outbox_add
from modelmill.core.scope import tenant_scope
from modelmill.registry.models import ModelVersion
from modelmill.registry.services import Lineage, version_publish
from modelmill.training.failures import ENDED_AT_LIMIT, RETRYABLE, Failure
from modelmill.training.models import Job
from modelmill.training.sayings import Said
from modelmill.training.services.announcing import job_announce, pause_announce
from modelmill.training.services.events import event_say
from modelmill.training.services.leases import Lease, attempt_end, lease_update
from modelmill.training.services.money import reservation_settle
from modelmill.training.services.quoting import quote_wait
from modelmill.training.services.reports import News, beat_write, checkpoints_release
from modelmill.training.services.turns import lane_open
from modelmill.training.slices import Slice
from modelmill.training.states import Desired, State

RING = "workers.tasks.training.ring"

# The stronger wish first.
_BECOMES: Final[dict[str, State]] = {
    Desired.CANCEL: State.CANCELLED,
    Desired.PAUSE: State.PAUSED,
}
# What is to be finished is finished by whoever takes it next.
_FINISH_STAYS: Final = Case(
    When(desired_state=Desired.FINISH, then=Value(Desired.FINISH.value)),
    default=Value(Desired.RUN.value),
)
_YIELDS: Final[dict[str, Said]] = {
    Desired.YIELD: Said.YIELDED,
    Desired.FINISH: Said.WAITS_FINISH,
}
_FIRST_RETRY_S = 2
_SLOWEST_RETRY_S = 120


class JobCancelled(Exception):
    """The customer cancelled the job before its end was written: give it back as that."""


def job_finish(
    lease: Lease,
    news: News,
    *,
    piece: Slice | None,
    files: Mapping[str, Blob],
    metrics: Mapping[str, Any],
) -> ModelVersion:
    """End a job well: the model version, the last slice, the settlement, all or nothing.

    ``files`` are the model's stored files by path. Raises ``LeaseLost``, and ``JobCancelled`` when
    the customer was told that it would be.
    """
    with tenant_scope(lease.tenant_id), transaction.atomic():
        beat_write(lease, news, piece=piece)
        jobs = Job.objects.select_related("release__plugin", "from_checkpoint")
        job = jobs.get(pk=lease.job_id)
        # A limit that was reached while the model was stored takes it from nobody.
        if job.desired_state == Desired.CANCEL and job.error_code not in ENDED_AT_LIMIT:
            raise JobCancelled(job.id)
        version = version_publish(files, lineage=_lineage(job, metrics=metrics), suffix=job.suffix)
        killpoint("finish.published")
        # One that stopped early is at its end all the same, and lacks no money any more.
        made = {"model_version": version, "total_steps": F("step"), "error_code": ""}
        _end(lease, state=State.SUCCEEDED, **made)
        if job.early_end:
            ended = {"early_end": job.early_end}
            event_say(Said.ENDED, job_id=job.id, tenant_id=job.tenant_id, **ended)
        attempt_end(lease, outcome=State.SUCCEEDED)
        event_say(Said.MODEL_MADE, job_id=job.id, tenant_id=job.tenant_id, name=version.name)
        event_say(Said.DONE, job_id=job.id, tenant_id=job.tenant_id)
        killpoint("finish.before_commit")
    return version


def job_fail(
    lease: Lease,
    *,
    code: Failure,
    message: str = "",
    param: str = "",
    detail: str = "",
    news: News | None = None,
    piece: Slice | None = None,
) -> bool:
    """End an attempt in an error; return whether the job will be tried again.

    Only failures that may pass by themselves are tried again, with a growing
    wait, until ``max_attempts``. ``detail`` is for the operator alone. Without a
    ``message`` the code's own sentence is shown, in the reader's language.
    """
    with tenant_scope(lease.tenant_id), transaction.atomic():
        # Locked before anything else is: what the customer wishes meanwhile comes after us.
        job = Job.objects.select_for_update().get(pk=lease.job_id)
        if news is not None:
            beat_write(lease, news, piece=piece)
        attempt_end(lease, outcome=code, detail=detail)
        killpoint("fail.before_commit")
        if code in RETRYABLE and job.desired_state in _BECOMES:
            _obey(lease, Desired(job.desired_state), news=news)
            return False
        if code in RETRYABLE and job.attempt < job.max_attempts:
            _try_again(lease, code=code)
            return True
        _end(lease, state=State.FAILED, error_code=code, error_message=message, error_param=param)
        said = {} if message else {"failure": code.value}
        event_say(
            message or Said.ENDED, job_id=job.id, tenant_id=job.tenant_id, level="error", **said
        )
    return False


def job_yield(
    lease: Lease, *, state: State, news: News | None = None, piece: Slice | None = None
) -> None:
    """Give a job back without an error: cancelled, paused, or queued for another worker.

    What the customer has asked for meanwhile counts more than the worker's
    ``state``. The attempt does not count: nothing was wrong with it.
    """
    with tenant_scope(lease.tenant_id), transaction.atomic():
        if news is not None:
            beat_write(lease, news, piece=piece)
        desired = _desired_hold(lease)
        state = _wished(desired, state)
        attempt_end(lease, outcome=state)
        killpoint("yield.before_commit")
        if state == State.QUEUED:
            said = _YIELDS.get(desired, Said.WORKER_ENDS)
            _release(lease, state=state, attempt=F("attempt") - 1)
            ring(lease.job_id, tenant_id=lease.tenant_id)
            event_say(said, job_id=lease.job_id, tenant_id=lease.tenant_id)
        else:
            wish = Desired.CANCEL if state == State.CANCELLED else Desired.PAUSE
            _obey(lease, wish, news=news)


def ring(job_id: str, *, tenant_id: str, delay_s: float = 0) -> None:
    """Give a job that waits its turn, and tell the workers once the caller has committed."""
    lane_open(tenant_id)
    outbox_add(RING, key=new_id(f"ring:{job_id}"), payload={"job_id": job_id}, delay_s=delay_s)


def _try_again(lease: Lease, *, code: Failure) -> None:
    wait_s = min(_FIRST_RETRY_S * 4 ** (lease.attempt - 1), _SLOWEST_RETRY_S)
    _release(lease, state=State.QUEUED, next_run_at=Now() + timedelta(seconds=wait_s))
    ring(lease.job_id, tenant_id=lease.tenant_id, delay_s=wait_s)
    who = {"job_id": lease.job_id, "tenant_id": lease.tenant_id}
    event_say(Said.TRIED_AGAIN, **who, level="warn", failure=code.value)


def _desired_hold(lease: Lease) -> str:
    """Read what the customer wishes, and keep it so until the transaction ends."""
    rows = Job.objects.select_for_update().filter(pk=lease.job_id, fence=lease.fence)
    return rows.values_list("desired_state", flat=True).first() or ""


def _wished(desired: str, state: State) -> State:
    """Return what the job is to become: the customer's wish may be younger than the worker's."""
    if desired == Desired.FINISH and state == State.PAUSED:
        # Asked for after the pause: another attempt goes on from the checkpoint, and finishes.
        return State.QUEUED
    wishes = {state, _BECOMES.get(desired)}
    return next((stop for stop in _BECOMES.values() if stop in wishes), state)


def _obey(lease: Lease, desired: Desired, *, news: News | None) -> None:
    """Let a job that stopped become what the customer asked for."""
    job = Job.objects.get(pk=lease.job_id)
    said, values = Said.ENDED, {"failure": job.error_code}
    if desired == Desired.CANCEL and job.error_code in ENDED_AT_LIMIT:
        # Not the customer but a limit stopped it, and said so when it did.
        _end(lease, state=State.FAILED)
    elif desired == Desired.CANCEL:
        _end(lease, state=State.CANCELLED, error_code=Failure.CANCELLED)
        values = {"failure": Failure.CANCELLED.value}
    else:
        # What was waited for until now is kept, or was given up by who paused: not paid ahead.
        # Resumed it trains on, whatever it was to finish for.
        on: dict[str, Any] = {"billed_still_ms": 0, "early_end": "", "finish_asked_at": None}
        _release(lease, state=State.PAUSED, attempt=F("attempt") - 1, **on)
        if job.quote_first and job.free_ms and news is not None:
            quote_wait(job, news.pace)
            return
        if job.lacks_money:
            _say_unpaid(job)
            return
        said, values = Said.PAUSED, {}
    event_say(said, job_id=lease.job_id, tenant_id=lease.tenant_id, **values)


def _say_unpaid(job: Job) -> None:
    event_say(Said.PAUSED_UNPAID, job_id=job.id, tenant_id=job.tenant_id, level="warn")
    pause_announce(job.id, tenant_id=job.tenant_id, fence=job.fence)


def _release(lease: Lease, **changes: Any) -> None:
    desired = _FINISH_STAYS if changes["state"] == State.QUEUED else Desired.RUN
    lease_update(lease, lease_until=None, lease_owner="", desired_state=desired, **changes)


def _end(lease: Lease, *, state: State, **changes: Any) -> None:
    _release(lease, state=state, finished_at=Now(), **changes)
    job = Job.objects.select_related("release").get(pk=lease.job_id)
    reservation_settle(job)
    checkpoints_release(job.id, keep=job.keep_checkpoints)
    job_announce(job.id, tenant_id=job.tenant_id, state=state)


def _lineage(job: Job, *, metrics: Mapping[str, Any]) -> Lineage:
    return Lineage(
        release=job.release,
        job_id=job.id,
        dataset_version_id=job.training_version_id,
        validation_version_id=job.validation_version_id,
        checkpoint=job.from_checkpoint.name if job.from_checkpoint else "",
        parameters=job.parameters,
        seed=job.seed,
        step=job.from_checkpoint.step if job.from_checkpoint else job.step,
        metrics=metrics,
        created_by=job.created_by,
    )
