"""The playground: try a model in the browser, through the same API that programs use."""

from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import path

from modelmill.inference.selectors import prediction_list
from modelmill.registry.installed import installed_prepare
from modelmill.registry.models import ModelVersion
from modelmill.registry.selectors import access_model_version, version_list
from modelmill.web.framework import PageRequest, tenant_page
from modelmill.web.prices import use_prices
from modelmill.web.schema_fields import ParametersForm

_VERSIONS_SHOWN = 200
_HISTORY_SHOWN = 8
_PICTURES = 4


@tenant_page(read="infer")
def playground(request: PageRequest) -> HttpResponse:
    """Show a model's form and what came out of it lately."""
    installed_prepare()
    versions = list(version_list()[:_VERSIONS_SHOWN])
    named = request.GET.get("model", "")
    version = access_model_version(named) if named else next(iter(versions), None)
    context: dict[str, Any] = {"versions": versions, "version": version}
    if version is not None:
        context |= _form_context(request, version) | _history_context(version)
    return render(request, "playground/page.html", context)


@tenant_page(read="infer")
def playground_history(request: PageRequest, version_id: str) -> HttpResponse:
    """Show what came out of a model lately."""
    version = access_model_version(version_id)
    return render(request, "playground/_history.html", _history_context(version))


def _form_context(request: PageRequest, version: ModelVersion) -> dict[str, Any]:
    manifest = version.release.manifest
    plugin_id = version.release.plugin_id
    is_image = manifest["task"] == "image-generation"
    return {
        "inputs": ParametersForm(schema=_without_seed(manifest["input_schema"]), prefix="i"),
        "parameters": ParametersForm(schema=_without_seed(manifest["predict_schema"]), prefix="p"),
        "prices": use_prices(
            request.caller.tenant.pk, plugin_id=plugin_id, declared=manifest["meters"]
        ),
        "pictures": _PICTURES if is_image else 0,
        "is_streaming": manifest["streams"] and manifest["task"] == "text-generation",
        "api_url": f"{settings.PUBLIC_URL}/v1",
    }


def _history_context(version: ModelVersion) -> dict[str, Any]:
    return {
        "version": version,
        "history": list(prediction_list(model=version.name)[:_HISTORY_SHOWN]),
    }


def _without_seed(schema: dict[str, Any]) -> dict[str, Any]:
    """Leave a plugin's own seeds out: the playground has one, with a lock."""
    fields = {name: one for name, one in schema.get("properties", {}).items() if name != "seed"}
    return {**schema, "properties": fields}


routes = [
    path("playground", playground, name="playground"),
    path("playground/<str:version_id>/history", playground_history, name="playground_history"),
]
