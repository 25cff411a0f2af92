"""Several jobs on one page: curves overlaid, samples side by side, what differs."""

from collections.abc import Iterable
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from modelmill.catalog.texts import metric_title
from modelmill.core.errors import InvalidRequest
from modelmill.training.comparing import Row, access_jobs, jobs_compared
from modelmill.training.metrics import Curve, curves_aligned, job_curves
from modelmill.training.models import Job
from modelmill.training.selectors import jobs_samples
from modelmill.web.framework import PageRequest, tenant_page
from modelmill.web.job_curves import sample_shown
from modelmill.web.parameters import ParameterValue, training_values
from modelmill.web.templatetags.mill import short_id

_CHARTS_MAX = 24
_SAMPLES_MAX = 120


@tenant_page(read="jobs:read")
def compare(request: PageRequest) -> HttpResponse:
    """Show two to six jobs side by side; the address names them, and may be passed on."""
    try:
        found = access_jobs(_ids(request))
    except InvalidRequest as error:
        messages.error(request, error.message)
        return redirect("web:jobs")
    ids = ",".join(job.pk for job in found)
    compared = jobs_compared(found)
    same = sum(1 for row in compared.parameters if not row.differs)
    context = {
        "compared": compared,
        "columns": list(
            zip(
                compared.jobs,
                run_names(found),
                compared.data,
                compared.costs_micro,
                compared.seconds,
                strict=True,
            )
        ),
        "parameters": _parameters(found, compared.parameters),
        "metrics": [(_metric_title(found, row.name), row) for row in compared.metrics],
        "ids": ids,
        "same": same,
        "same_said": ngettext(
            "%(count)d parameter is the same", "%(count)d parameters are the same", same
        )
        % {"count": same},
    }
    return render(request, "jobs/compare.html", context)


@tenant_page(read="jobs:read")
def compare_training(request: PageRequest) -> HttpResponse:
    """Answer with the overlaid curves and the samples of each job so far."""
    found = access_jobs(_ids(request))
    body = {
        "is_over": all(job.is_over for job in found),
        "charts": _charts(found),
        "runs": _samples(found),
    }
    response = JsonResponse(body, json_dumps_params={"ensure_ascii": False})
    response["Cache-Control"] = "private, no-store"
    return response


def run_names(jobs: Iterable[Job]) -> list[str]:
    """Name jobs so that no two of them read the same: by the end of its id, never by a number.

    A number would read as a model's version, and count another way.
    """
    jobs = list(jobs)
    plain = [job.suffix or job.release.title for job in jobs]
    return [
        f"{name} {short_id(job)}" if plain.count(name) > 1 else name
        for name, job in zip(plain, jobs, strict=True)
    ]


def _ids(request: PageRequest) -> list[str]:
    return [part for given in request.GET.getlist("ids") for part in given.split(",") if part]


def _charts(jobs: list[Job]) -> list[dict[str, Any]]:
    """A chart for each metric, those that more of the jobs have first."""
    curves, titles = job_curves(jobs), run_names(jobs)
    by_metric: dict[str, dict[str, Curve]] = {}
    for job, title in zip(jobs, titles, strict=True):
        for name, curve in curves[job.pk].items():
            by_metric.setdefault(name, {})[title] = curve
    order = sorted(by_metric, key=lambda name: (-len(by_metric[name]), "loss" not in name, name))
    return [_chart(name, by_metric[name], titles, jobs) for name in order[:_CHARTS_MAX]]


def _chart(name: str, runs: dict[str, Curve], titles: list[str], jobs: list[Job]) -> dict[str, Any]:
    # Every run has its colour in every chart, also where others lack the metric.
    aligned = curves_aligned({title: runs.get(title, Curve()) for title in titles})
    return {
        "title": _metric_title(jobs, name),
        "x": aligned["step"],
        "x_label": _("Step"),
        "series": [{"label": t, "values": values} for t, values in aligned["series"].items()],
    }


def _parameters(jobs: list[Job], rows: Iterable[Row]) -> list[tuple[Row, str, list[str]]]:
    """Name each parameter, where its author translated it, and write what each job has of it."""
    told = [
        {one.name: one for one in training_values(job.release.manifest, job.parameters)}
        for job in jobs
    ]
    absent = ParameterValue(name="", value=None, title="", label="–")
    found = []
    for row in rows:
        cells = [values.get(row.name, absent) for values in told]
        title = next((one.title for one in cells if one.title), "")
        found.append((row, title, [one.text for one in cells]))
    return found


def _metric_title(jobs: list[Job], name: str) -> str:
    """Return what a metric is called by the first of the jobs' plugins that calls it something."""
    manifests = [job.release.manifest for job in jobs]
    told = (one for one in manifests if name in one.get("metrics", {}))
    return metric_title(next(told, manifests[0]), name)


def _samples(jobs: list[Job]) -> list[dict[str, Any]]:
    by_job: dict[str, list[dict[str, Any]]] = {job.pk: [] for job in jobs}
    for event in jobs_samples(jobs, newest=_SAMPLES_MAX):
        by_job[event.job_id].append(sample_shown(event))
    return [
        {"title": title, "url": reverse("web:job", args=[job.pk]), "samples": by_job[job.pk]}
        for job, title in zip(jobs, run_names(jobs), strict=True)
    ]


routes = [
    path("jobs/compare", compare, name="jobs_compare"),
    path("jobs/compare/training", compare_training, name="jobs_compare_training"),
]
