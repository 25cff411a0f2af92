"""What a job says: events and samples, read once or watched live."""

from typing import ClassVar

from django.http import FileResponse
from django.http.response import HttpResponseBase
from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from modelmill.api.fine_tuning_shapes import event_shape
from modelmill.api.fine_tuning_stream import job_stream
from modelmill.api.framework.events import event_response
from modelmill.api.framework.negotiation import AnyAccept
from modelmill.api.framework.pages import page_of
from modelmill.api.framework.views import TenantView
from modelmill.core.errors import NotFound
from modelmill.core.storage import blob_open
from modelmill.core.waiting import Held, Room
from modelmill.training.selectors import (
    access_job,
    access_sample,
    job_events,
    job_samples,
)

_PAGE = [OpenApiParameter("after"), OpenApiParameter("limit", int)]


class JobEventsView(TenantView):
    """The events of one job."""

    permissions: ClassVar = {"GET": "jobs:read"}
    content_negotiation_class = AnyAccept

    @extend_schema(
        summary="List a job's events",
        responses={200: OpenApiTypes.OBJECT},
        parameters=[
            *_PAGE,
            OpenApiParameter("stream", bool, description="Watch live, as server-sent events."),
            OpenApiParameter("Last-Event-ID", location=OpenApiParameter.HEADER),
        ],
        tags=["fine-tuning"],
    )
    def get(self, request: Request, job_id: str) -> HttpResponseBase:
        """Answer with a page of events, newest first; or with a live stream, oldest first."""
        job = access_job(job_id)
        if request.query_params.get("stream") in {"1", "true"}:
            after = request.headers.get("Last-Event-ID") or request.query_params.get("after", "")
            tenant_id = self.caller.tenant.id
            stream = job_stream(job.id, tenant_id=tenant_id, after=after)
            return event_response(Held(stream, Room(tenant_id)), headers={})
        return page_of(job_events(job), request, render=event_shape, by="seq")


class JobSamplesView(TenantView):
    """What the plugin showed while it trained."""

    permissions: ClassVar = {"GET": "jobs:read"}

    @extend_schema(
        summary="List a job's samples",
        responses={200: OpenApiTypes.OBJECT},
        parameters=_PAGE,
        tags=["fine-tuning"],
    )
    def get(self, request: Request, job_id: str) -> Response:
        """Answer with a page of samples, newest first, in the form of events."""
        samples = job_samples(access_job(job_id))
        return page_of(samples, request, render=event_shape, by="seq")


class SampleContentView(TenantView):
    """The picture of one sample."""

    permissions: ClassVar = {"GET": "jobs:read"}
    content_negotiation_class = AnyAccept

    @extend_schema(
        summary="Download a sample's picture",
        responses={200: OpenApiTypes.BINARY},
        tags=["fine-tuning"],
    )
    def get(self, request: Request, job_id: str, sample_id: str) -> FileResponse:
        """Answer with the PNG."""
        sample = access_sample(access_job(job_id), sample_id)
        if sample.blob is None:
            raise NotFound("This sample is a text; read it in the event.")
        response = FileResponse(blob_open(sample.blob), content_type="image/png")
        response["X-Content-Type-Options"] = "nosniff"
        response["Content-Security-Policy"] = "sandbox"
        # A sample never changes; what is one tenant's must not lie in a shared cache.
        response["Cache-Control"] = "private, max-age=86400, immutable"
        return response


_JOB = "fine_tuning/jobs/<str:job_id>"

routes = [
    path(f"{_JOB}/events", JobEventsView.as_view(), name="fine_tuning_job_events"),
    path(f"{_JOB}/samples", JobSamplesView.as_view(), name="fine_tuning_job_samples"),
    path(
        f"{_JOB}/samples/<str:sample_id>/content",
        SampleContentView.as_view(),
        name="fine_tuning_sample_content",
    ),
]
