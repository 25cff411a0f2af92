"""The operator's view of the work: which workers live, and what runs or waits."""

from typing import Final

from django.http import HttpResponse
from django.urls import path

from modelmill.cockpit.fences import fences_shown
from modelmill.cockpit.framework import OperatorRequest, operator_page, operator_render
from modelmill.training.selectors import job_list
from modelmill.training.services.presence import workers_live
from modelmill.training.states import ENDED

_SHOWN: Final = 50


@operator_page
def workers(request: OperatorRequest) -> HttpResponse:
    """List the live workers, the jobs that are not over, and those that failed lately."""
    jobs = job_list().select_related("release__plugin", "model_version", "tenant")
    context = {
        "workers": [(worker, fences_shown(worker.fences)) for worker in workers_live()],
        "waiting": jobs.exclude(state__in=ENDED)[:_SHOWN],
        "failed": jobs.filter(state="failed").prefetch_related("attempts")[:10],
    }
    return operator_render(request, "cockpit/workers.html", context)


routes = [path("cockpit/workers", workers, name="workers")]
