"""The curves of a job and its manifest: to draw, to page through, to download."""

from itertools import islice
from typing import Any, ClassVar

from django.http.response import HttpResponseBase
from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from modelmill.api.framework.negotiation import AnyAccept
from modelmill.api.framework.queries import query_whole
from modelmill.api.framework.views import TenantView
from modelmill.core.downloads import BYTES, CSV, stream_response
from modelmill.training.exporting import (
    StepPoints,
    event_file_name,
    job_csv,
    job_event_file,
    job_points,
)
from modelmill.training.manifests import job_manifest
from modelmill.training.metrics import MAX_POINTS, MAX_STEP, Span, job_metrics_series
from modelmill.training.selectors import access_job


class JobMetricsView(TenantView):
    """The curves of one job."""

    permissions: ClassVar = {"GET": "jobs:read"}

    @extend_schema(
        summary="Retrieve a job's curves",
        responses={200: OpenApiTypes.OBJECT},
        parameters=[
            OpenApiParameter("names", description="Metrics, with commas; all when left out."),
            OpenApiParameter("max_points", int),
            OpenApiParameter("from_step", int),
            OpenApiParameter("to_step", int),
        ],
        tags=["fine-tuning"],
    )
    def get(self, request: Request, job_id: str) -> Response:
        """Answer with steps and one series for each metric, each of ``max_points`` at most.

        Every value is one that was reported; the smallest and largest of each stretch are
        kept. A series has null at steps that only others have.
        """
        names = [name for name in request.query_params.get("names", "").split(",") if name]
        most = query_whole(request, "max_points", MAX_POINTS, least=2, largest=5_000)
        first = query_whole(request, "from_step", 0, largest=MAX_STEP)
        last = query_whole(request, "to_step", MAX_STEP, largest=MAX_STEP)
        job = access_job(job_id)
        span = Span(first=first, last=last)
        series = job_metrics_series(job, names, max_points=most, span=span)
        return Response({"object": "fine_tuning.job.metrics", **series})


class JobPointsView(TenantView):
    """Every point of a job's curves."""

    permissions: ClassVar = {"GET": "jobs:read"}

    @extend_schema(
        summary="List a job's metrics step by step",
        responses={200: OpenApiTypes.OBJECT},
        parameters=[
            OpenApiParameter("after", int, description="The last step you have."),
            OpenApiParameter("limit", int),
        ],
        tags=["fine-tuning"],
    )
    def get(self, request: Request, job_id: str) -> Response:
        """Answer with a page of steps, in their order, none that is kept left out."""
        limit = query_whole(request, "limit", 1_000, least=1, largest=10_000)
        after = query_whole(request, "after", -1, largest=MAX_STEP)
        job = access_job(job_id)
        points = job_points(job.pk, tenant_id=job.tenant_id, after=after)
        found = list(islice(points, limit + 1))
        data = [_point(point) for point in found[:limit]]
        return Response(
            {
                "object": "list",
                "data": data,
                "first_id": data[0]["step"] if data else None,
                "last_id": data[-1]["step"] if data else None,
                "has_more": len(found) > limit,
            }
        )


class JobCsvView(TenantView):
    """Every point as CSV."""

    permissions: ClassVar = {"GET": "jobs:read"}
    content_negotiation_class = AnyAccept

    @extend_schema(
        summary="Download a job's metrics as CSV",
        responses={200: OpenApiTypes.BINARY},
        tags=["fine-tuning"],
    )
    def get(self, request: Request, job_id: str) -> HttpResponseBase:
        """Stream a line for each step, a column for each metric."""
        job = access_job(job_id)
        return stream_response(request, job_csv(job), name=f"{job.pk}.csv", media_type=CSV)


class JobEventFileView(TenantView):
    """Every point as TensorBoard reads it."""

    permissions: ClassVar = {"GET": "jobs:read"}
    content_negotiation_class = AnyAccept

    @extend_schema(
        summary="Download a job's metrics as a TensorBoard event file",
        responses={200: OpenApiTypes.BINARY},
        tags=["fine-tuning"],
    )
    def get(self, request: Request, job_id: str) -> HttpResponseBase:
        """Stream an event file; keep its name, by which TensorBoard finds it."""
        job = access_job(job_id)
        name = event_file_name(job)
        return stream_response(request, job_event_file(job), name=name, media_type=BYTES)


class JobManifestView(TenantView):
    """What a job was made from."""

    permissions: ClassVar = {"GET": "jobs:read"}

    @extend_schema(
        summary="Retrieve a job's manifest",
        responses={200: OpenApiTypes.OBJECT},
        tags=["fine-tuning"],
    )
    def get(self, request: Request, job_id: str) -> Response:
        """Answer with data, release, parameters, seed, versions, device, threads and hashes."""
        return Response(job_manifest(access_job(job_id)))


def _point(point: StepPoints) -> dict[str, Any]:
    return {
        "object": "fine_tuning.job.point",
        "step": point.step,
        "created_at": point.at_ms // 1000,
        "metrics": point.values,
    }


_JOB = "fine_tuning/jobs/<str:job_id>"

routes = [
    path(f"{_JOB}/metrics", JobMetricsView.as_view(), name="fine_tuning_job_metrics"),
    path(f"{_JOB}/metrics/points", JobPointsView.as_view(), name="fine_tuning_job_points"),
    path(f"{_JOB}/metrics/csv", JobCsvView.as_view(), name="fine_tuning_job_csv"),
    path(
        f"{_JOB}/metrics/tensorboard",
        JobEventFileView.as_view(),
        name="fine_tuning_job_event_file",
    ),
    path(f"{_JOB}/manifest", JobManifestView.as_view(), name="fine_tuning_job_manifest"),
]
