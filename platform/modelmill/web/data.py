"""Datasets: what was brought, how its check went, and what it is used for."""

from django import forms
from django.contrib import messages
from django.http import FileResponse, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from modelmill.core import errors
from modelmill.core.storage import blob_open
from modelmill.datasets.models import Dataset, DatasetVersion
from modelmill.datasets.selectors import (
    access_dataset,
    access_thumbnail,
    access_version,
    dataset_list,
    problem_list,
    thumbnail_list,
    version_for,
    version_list,
)
from modelmill.datasets.services import dataset_delete, dataset_rename
from modelmill.registry.selectors import versions_of_data
from modelmill.training.selectors import jobs_of_data
from modelmill.web.data_facts import facts_of, preview_of, splits_of
from modelmill.web.framework import PageRequest, tenant_page
from modelmill.web.paging import rows_of

_PROBLEMS_SHOWN = 5
_USES_SHOWN = 10


class RenameForm(forms.Form):
    """A dataset's new name."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=120)


@tenant_page(read="data:read")
def datasets(request: PageRequest) -> HttpResponse:
    """List the datasets; the list looks again by itself while one is being checked."""
    rows = rows_of(dataset_list(), request)
    context = {
        "rows": rows,
        "is_checking": any(
            row.newest and row.newest.state == DatasetVersion.State.VALIDATING for row in rows.items
        ),
        "may_write": request.caller.may("data:write"),
    }
    template = "data/_list.html" if request.htmx else "data/list.html"
    return render(request, template, context)


@tenant_page(read="data:read")
def dataset_of_file(request: PageRequest, file_id: str) -> HttpResponse:
    """Go to the dataset that a file became."""
    version = version_for(file_id)
    return redirect("web:dataset_version", version.dataset_id, version.pk)


@tenant_page(read="data:read")
def dataset(request: PageRequest, dataset_id: str) -> HttpResponse:
    """Show a dataset by its newest version."""
    found = access_dataset(dataset_id)
    if found.newest is None:
        raise errors.NotFound(_("This dataset has no version."))
    return _show(request, found, access_version(found.newest.pk))


@tenant_page(read="data:read")
def dataset_version(request: PageRequest, dataset_id: str, version_id: str) -> HttpResponse:
    """Show a dataset by one of its versions."""
    found = access_dataset(dataset_id)
    return _show(request, found, _version_of(found, version_id))


@tenant_page(read="data:read")
def dataset_state(request: PageRequest, version_id: str) -> HttpResponse:
    """Show how the check of a version goes; its end loads the page anew."""
    version = access_version(version_id)
    response = render(request, "data/_state.html", {"version": version})
    if version.state != DatasetVersion.State.VALIDATING:
        response["HX-Refresh"] = "true"
    return response


@tenant_page(read="data:read")
def dataset_picture(request: PageRequest, version_id: str, number: int) -> FileResponse:
    """Answer with one small picture of a version."""
    thumbnail = access_thumbnail(access_version(version_id), number)
    response = FileResponse(blob_open(thumbnail.blob), content_type="image/webp")
    # A version never changes, and neither do its pictures; they are nobody else's.
    response["Cache-Control"] = "private, max-age=86400, immutable"
    return response


@tenant_page(write="data:write")
def dataset_name(request: PageRequest, dataset_id: str) -> HttpResponse:
    """Give a dataset another name."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    found = access_dataset(dataset_id)
    try:
        dataset_rename(found, name=request.POST.get("name", ""), caller=request.caller)
    except errors.InvalidRequest as error:
        messages.error(request, error.message)
    else:
        messages.success(request, _("Saved."))
    return redirect("web:dataset", found.pk)


@tenant_page(write="data:write")
def dataset_remove(request: PageRequest, dataset_id: str) -> HttpResponse:
    """Delete a dataset."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    found = access_dataset(dataset_id)
    try:
        dataset_delete(found, caller=request.caller)
    except errors.Conflict as error:
        messages.error(request, error.message)
        return redirect("web:dataset", found.pk)
    messages.success(request, _("“%(name)s” is deleted.") % {"name": found.name})
    return redirect("web:datasets")


def _version_of(found: Dataset, version_id: str) -> DatasetVersion:
    version = access_version(version_id)
    if version.dataset_id != found.pk:
        raise errors.NotFound(_("There is no such version of this dataset."))
    return version


def _show(request: PageRequest, found: Dataset, version: DatasetVersion) -> HttpResponse:
    versions = list(version_list(found))
    version_ids = [row.pk for row in versions]
    caller = request.caller
    jobs = jobs_of_data(version_ids) if caller.may("jobs:read") else None
    models = versions_of_data(version_ids) if caller.may("models:read") else None
    context = {
        "dataset": found,
        "version": version,
        "versions": versions,
        "is_newest": versions[0].pk == version.pk,
        "facts": facts_of(version),
        "splits": splits_of(version),
        "preview": preview_of(version),
        "thumbnails": thumbnail_list(version),
        "problems": list(problem_list(version)[:_PROBLEMS_SHOWN]),
        "jobs": [] if jobs is None else list(jobs[:_USES_SHOWN]),
        "job_count": 0 if jobs is None else jobs.count(),
        "models": [] if models is None else list(models[:_USES_SHOWN]),
        "model_count": 0 if models is None else models.count(),
        "may_write": caller.may("data:write"),
        "may_train": caller.may("jobs:write") and version.is_ready,
        "form": RenameForm(initial={"name": found.name}),
    }
    return render(request, "data/detail.html", context)


routes = [
    path("data", datasets, name="datasets"),
    path("data/files/<str:file_id>", dataset_of_file, name="dataset_of_file"),
    path("data/versions/<str:version_id>/state", dataset_state, name="dataset_state"),
    path(
        "data/versions/<str:version_id>/pictures/<int:number>",
        dataset_picture,
        name="dataset_picture",
    ),
    path("data/<str:dataset_id>", dataset, name="dataset"),
    path("data/<str:dataset_id>/rename", dataset_name, name="dataset_rename"),
    path("data/<str:dataset_id>/delete", dataset_remove, name="dataset_delete"),
    path("data/<str:dataset_id>/<str:version_id>", dataset_version, name="dataset_version"),
]
