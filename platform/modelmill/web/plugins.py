"""The catalogue: what can be trained, what it takes, and what it costs."""

from typing import Any

from django.http import FileResponse, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils.translation import gettext as _

from modelmill.catalog.meters import meters_told
from modelmill.catalog.models import Plugin
from modelmill.catalog.pictures import picture_open
from modelmill.catalog.selectors import access_plugin, plugin_list, release_list
from modelmill.catalog.texts import reader_text, reader_texts
from modelmill.core.errors import NotFound
from modelmill.datasets.examples import example_make
from modelmill.datasets.models import DatasetVersion, Kind
from modelmill.datasets.selectors import access_version
from modelmill.registry.naming import installed_name
from modelmill.web.card_text import card_html
from modelmill.web.framework import PageRequest, tenant_page
from modelmill.web.parameters import Parameter, parameters_of, parameters_offered
from modelmill.web.prices import TRAINING_METERS, devices_offered, prices_for, use_prices
from modelmill.web.sample_texts import text_parts
from modelmill.web.words import task_icon, task_label

_SHOWN_TYPES = frozenset({"image/png", "image/webp", "image/jpeg"})


@tenant_page(read="models:read")
def plugins(request: PageRequest) -> HttpResponse:
    """Show every plugin as a card; those that take the data in question first."""
    version_id = request.GET.get("data", "")
    version = access_version(version_id) if version_id else None
    cards = [_card(plugin, version) for plugin in plugin_list()]
    cards.sort(key=lambda card: not card["fits"])
    context = {
        "cards": cards,
        "version": version,
        "may_train": request.caller.may("jobs:write"),
    }
    return render(request, "plugins/list.html", context)


@tenant_page(read="models:read")
def plugin(request: PageRequest, plugin_id: str) -> HttpResponse:
    """Show one plugin."""
    found = access_plugin(plugin_id)
    assert found.release is not None
    manifest = found.release.manifest
    tenant_id = request.caller.tenant.pk
    texts = reader_texts(manifest)
    counted = meters_told(manifest)
    context = {
        "card": _card(found, None),
        "parameters": parameters_offered(manifest, texts=texts),
        "inputs": _use_parameters(manifest),
        "devices_offered": devices_offered(found.release),
        "train_prices": prices_for(tenant_id, plugin_id=found.pk, meters=TRAINING_METERS),
        "use_prices": use_prices(tenant_id, plugin_id=found.pk, declared=counted),
        "may_train": request.caller.may("jobs:write") and manifest["trains"],
        "kinds": zip(manifest["accepts"], kind_labels(manifest["accepts"]), strict=True),
        "samples": [
            {**one, "name": texts.get(one["name"], one["name"]), "parts": text_parts(one)}
            for one in manifest.get("samples", [])
        ],
        "about": card_html(manifest.get("card", ""), texts=texts),
        "releases": [one for one in release_list(found) if one.is_runnable],
    }
    return render(request, "plugins/detail.html", context)


@tenant_page(read="models:read")
def plugin_sample(request: PageRequest, plugin_id: str, number: int) -> FileResponse:
    """Answer with one of the pictures that a plugin's author shows."""
    found = access_plugin(plugin_id)
    assert found.release is not None
    samples = found.release.manifest.get("samples", [])
    sample = samples[number] if number < len(samples) else {}
    if sample.get("media_type") not in _SHOWN_TYPES:
        raise NotFound(_("There is no such picture."))
    picture = picture_open(sample["sha256"])
    response = FileResponse(picture, content_type=sample["media_type"])
    response["Cache-Control"] = "private, max-age=86400"
    return response


@tenant_page(read="models:read")
def example(request: PageRequest, kind: str) -> HttpResponse:
    """Answer with a small example file of one kind of data."""
    name, content = example_make(kind)
    return HttpResponse(
        content,
        content_type="application/octet-stream",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _use_parameters(manifest: dict[str, Any]) -> list[Parameter]:
    """Return what a prediction takes; a name that input and parameters share is told once."""
    found: dict[str, Parameter] = {}
    for schema in ("input_schema", "predict_schema"):
        for parameter in parameters_of(manifest[schema], texts=reader_texts(manifest)):
            found.setdefault(parameter.name, parameter)
    return list(found.values())


def kind_labels(kinds: list[str]) -> list[str]:
    """Name kinds of data in the reader's language."""
    known = dict(Kind.choices)
    return [str(known.get(kind, kind)) for kind in kinds]


def _card(found: Plugin, version: DatasetVersion | None) -> dict[str, Any]:
    assert found.release is not None
    manifest = found.release.manifest
    return {
        "plugin": found,
        "release": found.release,
        "manifest": manifest,
        "description": reader_text(manifest, manifest["description"]),
        "kinds": kind_labels(manifest["accepts"]),
        "installed": [
            {**one, "name": installed_name(found.pk, one["folder"])}
            for one in manifest.get("installed", ())
        ],
        "task": task_label(manifest["task"]),
        "icon": task_icon(manifest["task"]),
        "fits": version is None or version.kind in manifest["accepts"],
    }


routes = [
    path("plugins", plugins, name="plugins"),
    path("plugins/examples/<str:kind>", example, name="plugin_example"),
    path("plugins/<str:plugin_id>", plugin, name="plugin"),
    path("plugins/<str:plugin_id>/samples/<int:number>", plugin_sample, name="plugin_sample"),
]
