"""Training jobs: the list, and the page on which one lives."""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import path

from modelmill.billing.selectors import wallet_balance
from modelmill.catalog.selectors import plugin_list
from modelmill.core import errors
from modelmill.datasets.models import DatasetVersion
from modelmill.datasets.selectors import access_version
from modelmill.training.failures import failure_advice
from modelmill.training.models import Job
from modelmill.training.outlook import job_outlook
from modelmill.training.progress import job_progress
from modelmill.training.selectors import (
    access_job,
    attempt_list,
    checkpoints_kept,
    job_list,
    job_messages,
)
from modelmill.training.states import ENDED, Desired, State
from modelmill.training.waiting import job_waiting_reason
from modelmill.web.framework import PageRequest, tenant_page
from modelmill.web.paging import rows_of
from modelmill.web.parameters import training_values
from modelmill.web.words import state_label

_MESSAGES_SHOWN = 12
_GOES_ON = (Desired.RUN, Desired.YIELD)


@tenant_page(read="jobs:read")
def jobs(request: PageRequest) -> HttpResponse:
    """List the jobs, of one state or plugin if asked; the list looks again while one is alive."""
    state, plugin_id = request.GET.get("state", ""), request.GET.get("plugin", "")
    found = job_list()
    if state in State.values:
        found = found.filter(state=state)
    if plugin_id:
        found = found.filter(release__plugin_id=plugin_id)
    rows = rows_of(found, request)
    context = {
        "rows": rows,
        "is_live": any(not row.is_over for row in rows.items),
        "states": [(state, state_label(state)) for state in State.values],
        "state": state,
        "plugins": plugin_list(),
        "plugin_id": plugin_id,
        "is_filtered": bool(state or plugin_id),
    }
    return render(request, "jobs/_list.html" if request.htmx else "jobs/list.html", context)


@tenant_page(read="jobs:read")
def job(request: PageRequest, job_id: str) -> HttpResponse:
    """Show one job: where it is, how it learns, and what came of it."""
    found = access_job(job_id)
    caller = request.caller
    context = {
        **_live(found),
        "parameters": training_values(found.release.manifest, found.parameters),
        "attempts": list(attempt_list(found)),
        "checkpoints": list(checkpoints_kept(found)),
        "keeps_until": _keeps_until(found),
        "data": _data(found),
        "has_points": bool(found.metrics),
        "may_infer": caller.may("infer"),
        "may_write": caller.may("jobs:write"),
        "may_cancel": caller.may("jobs:write") and not found.is_over,
        "may_pause": caller.may("jobs:write") and _may_pause(found),
        "may_finish": caller.may("jobs:write") and _may_finish(found),
        "may_repeat": caller.may("jobs:write") and found.is_over,
        "may_resume": caller.may("jobs:write") and found.state == State.PAUSED,
        "balance_micro": wallet_balance(caller.tenant.pk) if caller.may("billing:read") else None,
        "advice": failure_advice(found.error_code),
    }
    return render(request, "jobs/detail.html", context)


@tenant_page(read="jobs:read")
def job_live(request: PageRequest, job_id: str) -> HttpResponse:
    """Show the part of the job's page that changes; a new state loads the whole page anew."""
    found = access_job(job_id)
    response = render(request, "jobs/_live.html", _live(found))
    if request.GET.get("state") != shown_state(found):
        response["HX-Refresh"] = "true"
    return response


@tenant_page(read="jobs:read")
def job_events_page(request: PageRequest, job_id: str) -> HttpResponse:
    """List everything that was said about a job."""
    found = access_job(job_id)
    context = {"job": found, "rows": rows_of(job_messages(found), request, size=100)}
    return render(request, "jobs/events.html", context)


def shown_state(found: Job) -> str:
    """Return the state to show: a running job that was asked to stop is on its way there."""
    if found.state == State.RUNNING and found.desired_state == Desired.CANCEL:
        return "cancelling"
    if found.state == State.RUNNING and found.desired_state == Desired.PAUSE:
        return "pausing"
    if found.state == State.RUNNING and found.desired_state == Desired.FINISH:
        return "finishing"
    return found.state


def _live(found: Job) -> dict[str, Any]:
    outlook = job_outlook(found)
    return {
        "job": found,
        "state": shown_state(found),
        "is_live": found.state not in ENDED,
        "is_running": found.state == State.RUNNING,
        "progress": job_progress(found),
        "reason": job_waiting_reason(found, outlook),
        "outlook": outlook,
        "events": list(job_messages(found)[:_MESSAGES_SHOWN]),
    }


def _may_pause(found: Job) -> bool:
    return found.state in (State.QUEUED, State.RUNNING) and found.desired_state in _GOES_ON


def _may_finish(found: Job) -> bool:
    waits = found.state in (State.QUEUED, State.PAUSED) and found.step > 0
    return (found.state == State.RUNNING or waits) and found.desired_state in _GOES_ON


def _keeps_until(found: Job) -> datetime | None:
    """Return when the checkpoints of a job that is over are deleted; None while it is not."""
    if found.finished_at is None or settings.CHECKPOINT_KEEP_DAYS <= 0:
        return None
    return found.finished_at + timedelta(days=settings.CHECKPOINT_KEEP_DAYS)


def _data(found: Job) -> DatasetVersion | None:
    """Return what the job learns from; None when it was deleted since."""
    try:
        return access_version(found.training_version_id)
    except errors.NotFound:
        return None


routes = [
    path("jobs", jobs, name="jobs"),
    path("jobs/<str:job_id>", job, name="job"),
    path("jobs/<str:job_id>/live", job_live, name="job_live"),
    path("jobs/<str:job_id>/events", job_events_page, name="job_events"),
]
