"""Cancel, pause, finish and resume a job from its page; make models of its checkpoints."""

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.urls import path
from django.utils.translation import gettext as _

from modelmill.core import errors
from modelmill.training.models import Job
from modelmill.training.selectors import access_checkpoint, access_job
from modelmill.training.services import (
    checkpoint_delete,
    checkpoint_promote,
    job_cancel,
    job_finish_early,
    job_pause,
    job_resume,
)
from modelmill.web.framework import PageRequest, tenant_page


@tenant_page(write="jobs:write")
def cancel(request: PageRequest, job_id: str) -> HttpResponse:
    """Cancel a job."""
    return _wish(request, job_id, job_cancel, said=_("The job is being cancelled."))


@tenant_page(write="jobs:write")
def pause(request: PageRequest, job_id: str) -> HttpResponse:
    """Pause a job."""
    return _wish(request, job_id, job_pause, said=_("The job is being paused."))


@tenant_page(write="jobs:write")
def finish(request: PageRequest, job_id: str) -> HttpResponse:
    """End a job early, with a model."""
    said = _("The job is being finished with what it has learnt.")
    return _wish(request, job_id, job_finish_early, said=said)


@tenant_page(write="jobs:write")
def resume(request: PageRequest, job_id: str) -> HttpResponse:
    """Let a paused job go on."""
    return _wish(request, job_id, job_resume, said=_("The job goes on."))


@tenant_page(write="jobs:write")
def checkpoint_model(request: PageRequest, job_id: str, checkpoint_id: str) -> HttpResponse:
    """Begin to make a model of a checkpoint, and go where it is made."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    checkpoint = access_checkpoint(access_job(job_id), checkpoint_id)
    try:
        made = checkpoint_promote(checkpoint, caller=request.caller)
    except errors.MillError as error:
        if error.status >= 500:
            raise
        messages.error(request, error.message)
        return redirect("web:job", job_id)
    return redirect("web:job", made.pk)


@tenant_page(write="jobs:write")
def checkpoint_drop(request: PageRequest, job_id: str, checkpoint_id: str) -> HttpResponse:
    """Delete a checkpoint."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    checkpoint = access_checkpoint(access_job(job_id), checkpoint_id)
    try:
        checkpoint_delete(checkpoint, caller=request.caller)
    except errors.Conflict as error:
        messages.error(request, error.message)
    else:
        messages.success(request, _("The checkpoint is deleted."))
    return redirect("web:job", job_id)


def _wish(
    request: PageRequest, job_id: str, service: Callable[..., Job], *, said: str
) -> HttpResponse:
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    job = access_job(job_id)
    try:
        service(job, caller=request.caller)
    except (errors.Conflict, errors.QuotaExceeded) as error:
        messages.error(request, error.message)
    else:
        messages.success(request, said)
    return redirect("web:job", job.pk)


_CHECKPOINT = "jobs/<str:job_id>/checkpoints/<str:checkpoint_id>"

routes = [
    path("jobs/<str:job_id>/cancel", cancel, name="job_cancel"),
    path("jobs/<str:job_id>/pause", pause, name="job_pause"),
    path("jobs/<str:job_id>/finish", finish, name="job_finish"),
    path("jobs/<str:job_id>/resume", resume, name="job_resume"),
    path(f"{_CHECKPOINT}/model", checkpoint_model, name="checkpoint_model"),
    path(f"{_CHECKPOINT}/delete", checkpoint_drop, name="checkpoint_delete"),
]
