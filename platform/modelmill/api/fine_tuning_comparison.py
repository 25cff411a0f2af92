"""/v1/fine_tuning/comparison: several jobs side by side, as the dashboard compares them."""

from collections.abc import Sequence
from typing import Any, ClassVar

from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from modelmill.api.fine_tuning_shapes import sample_url
from modelmill.api.framework.queries import query_whole
from modelmill.api.framework.views import TenantView
from modelmill.billing.defaults import CURRENCY
from modelmill.training.comparing import Compared, Row, access_jobs, jobs_compared, names_once
from modelmill.training.metrics import MAX_POINTS, curves_by_metric
from modelmill.training.models import Job, JobEvent
from modelmill.training.selectors import jobs_samples

_SAMPLES_MAX = 120
_MOST_POINTS = 20_000
_TEXT_SHOWN = 4_000


class ComparisonView(TenantView):
    """Two to six jobs side by side."""

    permissions: ClassVar = {"GET": "jobs:read"}

    @extend_schema(
        summary="Compare training jobs",
        responses={200: OpenApiTypes.OBJECT},
        parameters=[
            OpenApiParameter("ids", required=True, description="Two to six jobs, with commas."),
            OpenApiParameter("names", description="Metrics, with commas; all when left out."),
            OpenApiParameter(
                "max_points", int, description="Of each curve: 500, or more with names."
            ),
        ],
        tags=["fine-tuning"],
    )
    def get(self, request: Request) -> Response:
        """Answer with what differs and what came of it; every list is in the jobs' order.

        ``samples`` are those the plugin showed again and again, of each job the newest; what
        each job shows once, such as a confusion matrix, is in ``results``.
        """
        names = _listed(request, "names")
        most = query_whole(request, "max_points", MAX_POINTS, least=2, largest=5_000)
        # However many curves there are, the answer stays one that a process can hold.
        most = min(most, max(MAX_POINTS, _MOST_POINTS // len(names)) if names else MAX_POINTS)
        jobs = access_jobs(_listed(request, "ids"))
        compared = jobs_compared(jobs)
        return Response(
            {
                "object": "fine_tuning.comparison",
                "jobs": [_job(compared, at) for at in range(len(jobs))],
                "parameters": [_row(row) for row in compared.parameters],
                "metrics": [_row(row) | {"best": sorted(row.best)} for row in compared.metrics],
                "curves": curves_by_metric(jobs, names, max_points=most),
                **_samples(jobs),
            }
        )


def _listed(request: Request, name: str) -> list[str]:
    given = request.query_params.getlist(name)
    return [part for one in given for part in one.split(",") if part]


def _job(compared: Compared, at: int) -> dict[str, Any]:
    job, data = compared.jobs[at], compared.data[at]
    return {
        "id": job.pk,
        "status": job.state,
        "suffix": job.suffix or None,
        "model": job.plugin_id,
        "release": job.release.version,
        "fine_tuned_model": job.model_version.name if job.model_version else None,
        "dataset_version": data.pk if data else None,
        "seed": job.seed,
        "step": job.step,
        "total_steps": job.total_steps,
        "seconds": compared.seconds[at],
        "cost": {"amount_micro": compared.costs_micro[at], "currency": CURRENCY},
    }


def _row(row: Row) -> dict[str, Any]:
    return {"name": row.name, "differs": row.differs, "values": row.values}


def _samples(jobs: Sequence[Job]) -> dict[str, Any]:
    by_job: dict[str, list[JobEvent]] = {job.pk: [] for job in jobs}
    for event in jobs_samples(jobs, newest=_SAMPLES_MAX):
        by_job[event.job_id].append(event)
    once = names_once(by_job.values())
    results = [
        {"name": name, "values": [_only(by_job[job.pk], name) for job in jobs]} for name in once
    ]
    often = [
        [_sample(event) for event in by_job[job.pk] if _name(event) not in once] for job in jobs
    ]
    return {"samples": often, "results": results}


def _only(events: Sequence[JobEvent], name: str) -> dict[str, Any] | None:
    return next((_sample(event) for event in events if _name(event) == name), None)


def _sample(event: JobEvent) -> dict[str, Any]:
    shown = {"url": sample_url(event)} if event.blob_id else {"text": event.message[:_TEXT_SHOWN]}
    return {"id": event.id, "name": _name(event), "step": event.step, **shown}


def _name(event: JobEvent) -> str:
    return str(event.values.get("name", ""))


routes = [
    path("fine_tuning/comparison", ComparisonView.as_view(), name="fine_tuning_comparison"),
]
