"""What a job's page offers to download: its points for other programs, and its manifest."""

import json

from django.http.response import HttpResponseBase
from django.urls import path

from modelmill.core.downloads import BYTES, CSV, stream_response
from modelmill.training.exporting import event_file_name, job_csv, job_event_file
from modelmill.training.manifests import job_manifest
from modelmill.training.selectors import access_job
from modelmill.web.framework import PageRequest, tenant_page


@tenant_page(read="jobs:read")
def metrics_csv(request: PageRequest, job_id: str) -> HttpResponseBase:
    """Download every point of the curves as CSV."""
    job = access_job(job_id)
    return stream_response(request, job_csv(job), name=f"{job.pk}.csv", media_type=CSV)


@tenant_page(read="jobs:read")
def metrics_event_file(request: PageRequest, job_id: str) -> HttpResponseBase:
    """Download every point of the curves as TensorBoard's event file."""
    job = access_job(job_id)
    name = event_file_name(job)
    return stream_response(request, job_event_file(job), name=name, media_type=BYTES)


@tenant_page(read="jobs:read")
def manifest(request: PageRequest, job_id: str) -> HttpResponseBase:
    """Download what the job was made from."""
    job = access_job(job_id)
    text = json.dumps(job_manifest(job), ensure_ascii=False, indent=2)
    name, media_type = f"{job.pk}.manifest.json", "application/json; charset=utf-8"
    return stream_response(request, [f"{text}\n".encode()], name=name, media_type=media_type)


routes = [
    path("jobs/<str:job_id>/metrics.csv", metrics_csv, name="job_metrics_csv"),
    path("jobs/<str:job_id>/metrics.tfevents", metrics_event_file, name="job_event_file"),
    path("jobs/<str:job_id>/manifest.json", manifest, name="job_manifest"),
]
