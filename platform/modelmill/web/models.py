"""Models: what was made, of what, and under which names it is called."""

from django import forms
from django.contrib import messages
from django.http import HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from modelmill.core import errors
from modelmill.registry.downloads import may_be_downloaded
from modelmill.registry.installed import installed_prepare
from modelmill.registry.models import ModelVersion
from modelmill.registry.selectors import (
    access_model_version,
    version_aliases,
    version_files,
    version_list,
)
from modelmill.registry.services import alias_remove, alias_set, model_delete
from modelmill.training.models import Job
from modelmill.training.selectors import access_job
from modelmill.web.example_input import data_learnt, row_of
from modelmill.web.examples import curl_example, python_example
from modelmill.web.framework import PageRequest, tenant_page
from modelmill.web.paging import rows_of
from modelmill.web.parameters import training_values


class AliasForm(forms.Form):
    """A movable name for a version."""

    alias = forms.CharField(
        label=gettext_lazy("Alias"),
        max_length=50,
        help_text=gettext_lazy("A movable name such as “prod”; it leaves the version it was at."),
    )


@tenant_page(read="models:read")
def models(request: PageRequest) -> HttpResponse:
    """List the model versions that can be used."""
    installed_prepare()
    rows = rows_of(version_list().prefetch_related("aliases"), request)
    context = {"rows": rows, "may_infer": request.caller.may("infer")}
    return render(request, "models/list.html", context)


@tenant_page(read="models:read")
def model(request: PageRequest, version_id: str) -> HttpResponse:
    """Show one version: how to call it, how good it is, and what it was made of."""
    version = access_model_version(version_id)
    return _show(request, version, AliasForm())


@tenant_page(read="models:read", write="models:write")
def alias_new(request: PageRequest, version_id: str) -> HttpResponse:
    """Point an alias at a version."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    version = access_model_version(version_id)
    form = AliasForm(request.POST)
    if form.is_valid():
        try:
            alias_set(version, name=form.cleaned_data["alias"], caller=request.caller)
        except errors.InvalidRequest as error:
            form.add_error("alias", error.message)
        else:
            messages.success(request, _("Saved."))
            return redirect("web:model", version.pk)
    return _show(request, version, form, status=400)


@tenant_page(write="models:write")
def alias_drop(request: PageRequest, version_id: str) -> HttpResponse:
    """Take an alias away."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    version = access_model_version(version_id)
    alias_remove(version.model, name=request.POST.get("alias", ""), caller=request.caller)
    messages.success(request, _("Saved."))
    return redirect("web:model", version.pk)


@tenant_page(write="models:write")
def model_remove(request: PageRequest, version_id: str) -> HttpResponse:
    """Delete a version."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    version = access_model_version(version_id)
    model_delete(version, caller=request.caller)
    messages.success(request, _("“%(name)s” is deleted.") % {"name": version.name})
    return redirect("web:models")


def _show(
    request: PageRequest, version: ModelVersion, form: AliasForm, *, status: int = 200
) -> HttpResponse:
    caller = request.caller
    data = data_learnt(version) if caller.may("data:read") else None
    row = row_of(data)
    context = {
        "version": version,
        "parameters": training_values(version.release.manifest, version.parameters),
        "files": list(version_files(version)),
        "aliases": list(version_aliases(version)),
        "data": data,
        "job": _job(version) if caller.may("jobs:read") else None,
        "python": python_example(version, row=row),
        "curl": curl_example(version, row=row),
        "may_download": caller.may("models:download") and may_be_downloaded(version),
        "form": form,
        "may_write": caller.may("models:write"),
        "may_infer": caller.may("infer"),
    }
    return render(request, "models/detail.html", context, status=status)


def _job(version: ModelVersion) -> Job | None:
    try:
        return access_job(version.job_id)
    except errors.NotFound:
        return None


routes = [
    path("models", models, name="models"),
    path("models/<str:version_id>", model, name="model"),
    path("models/<str:version_id>/alias", alias_new, name="alias_new"),
    path("models/<str:version_id>/alias/remove", alias_drop, name="alias_remove"),
    path("models/<str:version_id>/delete", model_remove, name="model_delete"),
]
