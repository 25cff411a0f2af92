"""The playground: try a model in the browser, through the same API that programs use."""

import json
from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import path

from modelmill.catalog.meters import meters_told
from modelmill.catalog.texts import reader_texts
from modelmill.inference.selectors import prediction_list
from modelmill.metering.meters import meter_title
from modelmill.registry.installed import installed_prepare
from modelmill.registry.models import ModelVersion
from modelmill.registry.selectors import access_model_version, version_list
from modelmill.web.example_input import data_learnt, example_input, row_of
from modelmill.web.framework import PageRequest, tenant_page
from modelmill.web.playground_fields import PlaygroundForm
from modelmill.web.prices import use_prices

_VERSIONS_SHOWN = 200
_HISTORY_SHOWN = 8
_PICTURES = 4
_STREAMED = {"prompt", "messages"}


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
    data = data_learnt(version) if request.caller.may("data:read") else None
    texts, counted = reader_texts(manifest), meters_told(manifest)
    meters = [*counted, "requests"]
    is_image = manifest["task"] == "image-generation"
    return {
        "inputs": PlaygroundForm(
            schema=_without_seed(manifest["input_schema"]),
            texts=texts,
            prefix="i",
            initial=_objects(example_input(version, row=row_of(data))),
        ),
        "parameters": PlaygroundForm(
            schema=_without_seed(manifest["predict_schema"]), texts=texts, prefix="p"
        ),
        "prices": use_prices(request.caller.tenant.pk, plugin_id=plugin_id, declared=counted),
        "pictures": _PICTURES if is_image else 0,
        "is_streaming": _is_streaming(manifest),
        "meters": json.dumps({code: counted.get(code) or meter_title(code) for code in meters}),
        "api_url": f"{settings.PUBLIC_URL}/v1",
    }


def _history_context(version: ModelVersion) -> dict[str, Any]:
    return {
        "version": version,
        "history": list(prediction_list(model=version.name)[:_HISTORY_SHOWN]),
    }


def _objects(values: dict[str, Any]) -> dict[str, Any]:
    """Keep what nobody could guess: the names of the fields of an object."""
    return {name: value for name, value in values.items() if value and isinstance(value, dict)}


def _is_streaming(manifest: dict[str, Any]) -> bool:
    """Say whether a model answers by OpenAI's completions, which know no inputs but these two."""
    is_text = manifest["streams"] and manifest["task"] == "text-generation"
    return bool(is_text) and manifest["input_schema"].get("properties", {}).keys() <= _STREAMED


def _without_seed(schema: dict[str, Any]) -> dict[str, Any]:
    """Leave a plugin's own seeds out: the playground has one, with a lock."""
    fields = {name: one for name, one in schema.get("properties", {}).items() if name != "seed"}
    return {**schema, "properties": fields}


routes = [
    path("playground", playground, name="playground"),
    path("playground/<str:version_id>/history", playground_history, name="playground_history"),
]
