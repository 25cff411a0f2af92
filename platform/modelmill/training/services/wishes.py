"""What a customer asks of a job that exists: cancel it, pause it, finish it, go on with it.

A waiting job obeys at once. A running one is told, and its worker obeys at the
next step; until then its state is still ``running``.
"""

from typing import Any

from django.db import transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from modelmill.core.errors import Conflict
from modelmill.tenants.callers import Caller
from modelmill.tenants.services import audit_record
from modelmill.training.failures import Failure
from modelmill.training.models import Job
from modelmill.training.sayings import Said
from modelmill.training.selectors import access_job
from modelmill.training.services.announcing import job_announce
from modelmill.training.services.endings import ring
from modelmill.training.services.events import event_say
from modelmill.training.services.holding import job_hold
from modelmill.training.services.money import reservation_go_on, reservation_settle
from modelmill.training.services.reports import checkpoints_release
from modelmill.training.states import Desired, EarlyEnd, State

_WAITING = (State.VALIDATING, State.QUEUED, State.PAUSED)


def job_cancel(job: Job, *, caller: Caller) -> Job:
    """Cancel a job; raises ``Conflict`` when it is over already, unless it was cancelled."""
    caller.require("jobs:write")
    with transaction.atomic():
        job_hold(job.id)
        if _change(job, _WAITING, state=State.CANCELLED, finished_at=Now()):
            Job.objects.filter(pk=job.pk).update(error_code=Failure.CANCELLED)
            reservation_settle(access_job(job.id))
            checkpoints_release(job.id, keep=job.keep_checkpoints)
            _say(job, Said.ENDED, failure=Failure.CANCELLED.value)
            job_announce(job.id, tenant_id=job.tenant_id, state=State.CANCELLED)
        elif _change(job, (State.RUNNING,), desired_state=Desired.CANCEL):
            _say(job, Said.CANCELLING)
        else:
            _refuse(job, allowed=State.CANCELLED, wish=_("cancelled"))
        audit_record("job.cancelled", caller=caller, object_id=job.id)
    return access_job(job.id)


def job_pause(job: Job, *, caller: Caller) -> Job:
    """Pause a job: a running one checkpoints and stops; a waiting one is not started."""
    caller.require("jobs:write")
    with transaction.atomic():
        job_hold(job.id)
        found = access_job(job.id)
        if found.desired_state == Desired.CANCEL:
            raise Conflict(_("The job is being cancelled."), code="job_state")
        if found.early_end == EarlyEnd.COST_CAP and not found.is_over:
            raise Conflict(
                _("The job is at its cost limit and is being finished."), code="job_state"
            )
        if found.early_end == EarlyEnd.TIME_CAP and not found.is_over:
            raise Conflict(
                _("The job has trained for as long as it may and is being finished."),
                code="job_state",
            )
        if found.early_end == EarlyEnd.KEPT and not found.is_over:
            raise Conflict(
                _("The job makes a model of a checkpoint. Let it, or cancel it."), code="job_state"
            )
        # Of two wishes the younger counts: what was to be finished may be gone on with.
        on = {"early_end": "", "finish_asked_at": None}
        if _change(job, (State.QUEUED,), state=State.PAUSED, desired_state=Desired.RUN, **on):
            _say(job, Said.PAUSED_WAITING)
        elif _change(job, (State.RUNNING,), desired_state=Desired.PAUSE, **on):
            _say(job, Said.PAUSING)
        else:
            _refuse(job, allowed=State.PAUSED, wish=_("paused"))
        audit_record("job.paused", caller=caller, object_id=job.id)
    return access_job(job.id)


def job_finish_early(job: Job, *, caller: Caller) -> Job:
    """Let a job that has begun end at its next step, with a model of what it has learnt.

    One that is paused, or waits for another attempt, goes on from its checkpoint for that. Raises
    ``Conflict`` for one that has learnt nothing yet, or is over, and ``QuotaExceeded`` when one
    that is paused, or whose first steps were free, finds no money for what is left.
    """
    caller.require("jobs:write")
    with transaction.atomic():
        job_hold(job.id)
        found = access_job(job.id)
        if found.desired_state == Desired.CANCEL:
            raise Conflict(_("The job is being cancelled."), code="job_state")
        begun = (State.RUNNING, State.QUEUED, State.PAUSED)
        if found.is_over:
            _refuse(job, allowed=State.SUCCEEDED, wish=_("finished"))
        elif found.early_end == "" or found.desired_state != Desired.FINISH:
            if found.state in begun and not found.step:
                raise Conflict(
                    _("The job has learnt nothing yet. Wait for its first step, or cancel it."),
                    code="job_state",
                )
            wish = {"early_end": EarlyEnd.ASKED, "finish_asked_at": Now(), "error_code": ""}
            # What a running one has under way stays free: its slice ends the free steps.
            still = {"quote_first": found.quote_first and found.state == State.RUNNING}
            if _change(job, begun, desired_state=Desired.FINISH, **wish, **still):
                _say(job, Said.FINISHING)
            else:
                _refuse(job, allowed=State.SUCCEEDED, wish=_("finished"))
        if _change(job, (State.PAUSED,), state=State.QUEUED, queued_at=Now(), next_run_at=Now()):
            ring(job.id, tenant_id=job.tenant_id)
        # After the lane, as everywhere: two that wait for each other's row would wait for ever.
        if _needs_money(found):
            reservation_go_on(found)
        audit_record("job.finished_early", caller=caller, object_id=job.id)
    return access_job(job.id)


def job_resume(job: Job, *, caller: Caller) -> Job:
    """Let a paused job go on from its newest checkpoint.

    One that waits with its quote has it accepted by that, and costs from now on. Raises
    ``QuotaExceeded`` when there is no money for its first minutes beside what it has cost.
    """
    caller.require("jobs:write")
    with transaction.atomic():
        job_hold(job.id)
        found = access_job(job.id)
        again = {"queued_at": Now(), "next_run_at": Now(), "error_code": ""}
        if _change(job, (State.PAUSED,), state=State.QUEUED, **again):
            _say(job, Said.WAITS_WORKER)
            ring(job.id, tenant_id=job.tenant_id)
            if found.awaits_word:
                # A quote that could not be told is told as soon as it can be.
                told = found.quote_step if found.quote_micro is not None else None
                Job.objects.filter(pk=job.pk).update(quote_first=False, quote_step=told)
            if found.awaits_word or not found.quote_first:
                reservation_go_on(found)
        else:
            _refuse(job, allowed=State.QUEUED, wish=_("resumed"))
        audit_record("job.resumed", caller=caller, object_id=job.id)
    return access_job(job.id)


def _needs_money(found: Job) -> bool:
    """Say whether a job that is to be finished does not hold what that costs."""
    is_pausing = found.lacks_money and found.desired_state == Desired.PAUSE
    return not found.is_over and (found.state == State.PAUSED or found.quote_first or is_pausing)


def _change(job: Job, states: tuple[State, ...], **changes: Any) -> bool:
    """Change the job if it is in one of the states now, whatever it was when it was read."""
    return bool(Job.objects.filter(pk=job.pk, state__in=states).update(**changes))


def _refuse(job: Job, *, allowed: State, wish: str) -> None:
    """Let a repeated wish pass, and say why any other one cannot be had."""
    state = State(access_job(job.id).state)
    if state != allowed:
        raise Conflict(
            _("A job that is %(state)s cannot be %(wish)s.")
            % {"state": str(state.label).lower(), "wish": wish},
            code="job_state",
        )


def _say(job: Job, said: Said, **values: str) -> None:
    event_say(said, job_id=job.id, tenant_id=job.tenant_id, **values)
