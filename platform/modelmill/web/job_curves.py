"""What a job's page draws: curves of its metrics, and the samples the plugin showed."""

from collections.abc import Mapping
from typing import Any

from django.http import FileResponse, HttpResponse, JsonResponse
from django.urls import path, reverse
from django.utils.translation import gettext as _

from modelmill.catalog.texts import metric_title
from modelmill.core import errors
from modelmill.core.storage import blob_open
from modelmill.training.metrics import Curve, curves_aligned, job_curves
from modelmill.training.models import Job, JobEvent
from modelmill.training.selectors import access_job, access_sample, job_samples
from modelmill.web.framework import PageRequest, tenant_page

_SAMPLES_MAX = 240
_CHARTS_MAX = 8
_TEXT_SHOWN = 4000
_SHOWN_TYPES = frozenset({"image/png", "image/webp", "image/jpeg"})


@tenant_page(read="jobs:read")
def job_training(request: PageRequest, job_id: str) -> HttpResponse:
    """Answer with the curves and samples so far."""
    job = access_job(job_id)
    body = {"is_over": job.is_over, "charts": _charts(job), "samples": _samples(job)}
    response = JsonResponse(body, json_dumps_params={"ensure_ascii": False})
    response["Cache-Control"] = "private, no-store"
    return response


@tenant_page(read="jobs:read")
def job_sample(request: PageRequest, job_id: str, sample_id: str) -> FileResponse:
    """Answer with one sample picture."""
    sample = access_sample(access_job(job_id), sample_id)
    if sample.blob is None or sample.blob.media_type not in _SHOWN_TYPES:
        raise errors.NotFound(_("There is no such picture."))
    response = FileResponse(blob_open(sample.blob), content_type=sample.blob.media_type)
    response["Cache-Control"] = "private, max-age=86400, immutable"
    return response


def sample_shown(event: JobEvent) -> dict[str, Any]:
    """Return what a page needs to show a sample: its step, name, and picture or text."""
    shown: dict[str, Any] = {"step": event.step, "name": str(event.values.get("name", ""))}
    if event.blob_id:
        shown["url"] = reverse("web:job_sample", args=[event.job_id, event.pk])
    else:
        shown["text"] = event.message[:_TEXT_SHOWN]
    return shown


def _charts(job: Job) -> list[dict[str, Any]]:
    """Losses share one chart; every other metric has its own scale, and so its own chart."""
    curves = job_curves([job])[job.pk]
    losses = [name for name in curves if "loss" in name]
    others = [name for name in curves if "loss" not in name]
    manifest = job.release.manifest
    groups = [(_("Loss"), losses)] if losses else []
    groups += [(metric_title(manifest, name), [name]) for name in others]
    return [
        _chart(title, {name: curves[name] for name in names}, manifest)
        for title, names in groups[:_CHARTS_MAX]
    ]


def _chart(title: str, curves: dict[str, Curve], manifest: Mapping[str, Any]) -> dict[str, Any]:
    aligned = curves_aligned(curves)
    return {
        "title": title,
        "x": aligned["step"],
        "x_label": _("Step"),
        "series": [
            {"name": name, "label": metric_title(manifest, name), "values": values}
            for name, values in aligned["series"].items()
        ],
    }


def _samples(job: Job) -> list[dict[str, Any]]:
    """Return the newest samples, the oldest of them first."""
    newest = list(job_samples(job)[:_SAMPLES_MAX])
    return [sample_shown(event) for event in reversed(newest)]


routes = [
    path("jobs/<str:job_id>/training", job_training, name="job_training"),
    path("jobs/<str:job_id>/samples/<str:sample_id>", job_sample, name="job_sample"),
]
