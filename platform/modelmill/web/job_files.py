"""What a job's page offers to download: its points for other programs, and its manifest."""

import json
from collections.abc import Iterator

from django.http import HttpResponse, StreamingHttpResponse
from django.urls import path

from modelmill.training.exporting import event_file_name, job_csv, job_event_file
from modelmill.training.manifests import job_manifest
from modelmill.training.selectors import access_job
from modelmill.web.framework import PageRequest, tenant_page


@tenant_page(read="jobs:read")
def metrics_csv(request: PageRequest, job_id: str) -> StreamingHttpResponse:
    """Download every point of the curves as CSV."""
    job = access_job(job_id)
    return _download(job_csv(job), name=f"{job.pk}.csv", media_type="text/csv; charset=utf-8")


@tenant_page(read="jobs:read")
def metrics_event_file(request: PageRequest, job_id: str) -> StreamingHttpResponse:
    """Download every point of the curves as TensorBoard's event file."""
    job = access_job(job_id)
    name = event_file_name(job)
    return _download(job_event_file(job), name=name, media_type="application/octet-stream")


@tenant_page(read="jobs:read")
def manifest(request: PageRequest, job_id: str) -> HttpResponse:
    """Download what the job was made from."""
    job = access_job(job_id)
    text = json.dumps(job_manifest(job), ensure_ascii=False, indent=2)
    response = HttpResponse(f"{text}\n", content_type="application/json; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{job.pk}.manifest.json"'
    response["Cache-Control"] = "private, no-store"
    return response


def _download(content: Iterator[bytes], *, name: str, media_type: str) -> StreamingHttpResponse:
    response = StreamingHttpResponse(content, content_type=media_type)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "private, no-store"
    return response


routes = [
    path("jobs/<str:job_id>/metrics.csv", metrics_csv, name="job_metrics_csv"),
    path("jobs/<str:job_id>/metrics.tfevents", metrics_event_file, name="job_event_file"),
    path("jobs/<str:job_id>/manifest.json", manifest, name="job_manifest"),
]
