"""A running job whose money, cost limit or time is used up: it stops in time, or finishes."""

from datetime import timedelta

from django.conf import settings
from django.db.models.functions import Now

from modelmill.core.clock import database_now
from modelmill.training.failures import Failure
from modelmill.training.models import Job
from modelmill.training.sayings import Said
from modelmill.training.services.events import event_say
from modelmill.training.services.leases import Lease, lease_update
from modelmill.training.services.money import cost_is_capped, reservation_keep_up
from modelmill.training.states import AT_LIMIT, WORKED_ON, Desired, EarlyEnd


def limits_keep(job: Job, lease: Lease) -> None:
    """Set aside what a job will cost until its next proof, or ask it to stop in time.

    In the heartbeat's transaction. For want of money it pauses, at its cost limit and at the
    longest time it finishes; what is finishing already is let finish. For that, and for the pause,
    the customer pays no more than was set aside.
    """
    if job.desired_state not in WORKED_ON or job.quote_first or job.early_end == EarlyEnd.KEPT:
        return
    is_short, was_short = not reservation_keep_up(job), job.lacks_money
    if was_short and not is_short:
        lease_update(lease, error_code="")
    if is_short and job.desired_state == Desired.RUN:
        _pause(job, lease)
    elif is_short and not was_short:
        _finish_unpaid(job, lease)
    elif is_short or job.early_end in AT_LIMIT:
        _finish_in_time(job, lease)
    elif cost_is_capped(job):
        _finish(job, lease, EarlyEnd.COST_CAP, said=Said.NEAR_LIMIT)
    elif _trained_s(job) >= settings.TRAIN_MAX_S:
        # Also one that was asked to finish and goes on: it has no longer than the others.
        _finish(job, lease, EarlyEnd.TIME_CAP, said=Said.AT_TIME_LIMIT)


def _trained_s(job: Job) -> float:
    """Return how long a job has trained, in all its attempts together.

    By what each step took once: what was done again after a crash is our time, and not its.
    """
    return (job.billed_ms + job.free_ms) / 1000 / job.devices


def _finish(job: Job, lease: Lease, early_end: EarlyEnd, *, said: Said) -> None:
    wish = {"early_end": early_end, "finish_asked_at": Now()}
    lease_update(lease, desired_state=Desired.FINISH, **wish)
    _warn(job, said)


def _pause(job: Job, lease: Lease) -> None:
    lease_update(lease, desired_state=Desired.PAUSE, error_code=Failure.QUOTA_EXCEEDED)
    _warn(job, Said.PAUSING_UNPAID)


def _finish_unpaid(job: Job, lease: Lease) -> None:
    lease_update(lease, error_code=Failure.QUOTA_EXCEEDED)
    if job.early_end not in AT_LIMIT:
        # What it took until now was paid; at a limit its time to finish in runs already.
        lease_update(lease, finish_asked_at=Now())
    _warn(job, Said.FINISHES_UNPAID)


def _finish_in_time(job: Job, lease: Lease) -> None:
    """Stop what takes too long to finish: the time beyond limit or money is ours, on each device.

    What was asked to finish pauses, and can be finished with money; at a limit no money helps.
    """
    assert job.finish_asked_at is not None
    # At the longest time the customer pays for the end, as for all before it.
    shared = 1 if job.early_end == EarlyEnd.TIME_CAP else job.devices
    within = timedelta(seconds=settings.FINISH_WITHIN_S / shared)
    if database_now() - job.finish_asked_at <= within:
        return
    if job.early_end == EarlyEnd.COST_CAP:
        lease_update(lease, desired_state=Desired.CANCEL, error_code=Failure.COST_CAP)
    elif job.early_end == EarlyEnd.TIME_CAP:
        lease_update(lease, desired_state=Desired.CANCEL, error_code=Failure.TIMEOUT)
    else:
        _pause(job, lease)


def _warn(job: Job, said: Said) -> None:
    event_say(said, job_id=job.id, tenant_id=job.tenant_id, level="warn")
