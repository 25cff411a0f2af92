"""/v1/models: the plugins to train with, and the models made with them."""

from typing import Any, ClassVar

from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from modelmill.api.framework.views import TenantView
from modelmill.catalog.models import Plugin
from modelmill.catalog.selectors import access_plugin, plugin_list
from modelmill.core.errors import InvalidRequest, NotFound
from modelmill.registry.installed import installed_prepare, plugin_is_usable, plugin_refusal
from modelmill.registry.models import Alias, ModelVersion
from modelmill.registry.selectors import access_model_version, alias_list, version_list
from modelmill.registry.services import alias_remove, alias_set, model_delete
from modelmill.tenants.callers import Caller


class ModelsView(TenantView):
    """Everything a caller may name as ``model``."""

    @extend_schema(summary="List models", responses={200: OpenApiTypes.OBJECT}, tags=["models"])
    def get(self, request: Request) -> Response:
        """Answer with the plugins and then your own models, newest first."""
        _may_read(self.caller)
        offered = list(plugin_list())
        installed_prepare(offered)
        plugins = [plugin_model_shape(one) for one in offered if plugin_is_usable(one)]
        own = [version_shape(version, self.caller) for version in version_list()]
        return Response({"object": "list", "data": [*plugins, *own]})


class ModelView(TenantView):
    """One model."""

    permissions: ClassVar = {"DELETE": "models:write"}

    @extend_schema(
        summary="Retrieve a model", responses={200: OpenApiTypes.OBJECT}, tags=["models"]
    )
    def get(self, request: Request, model: str) -> Response:
        """Answer with a plugin, or a model with its lineage; aliases and ids work as names."""
        _may_read(self.caller)
        if _is_own(model):
            return Response(version_shape(access_model_version(model), self.caller))
        plugin = access_plugin(model)
        if not plugin_is_usable(plugin):
            raise NotFound(plugin_refusal(model), code="model_not_found", param="model")
        return Response(plugin_model_shape(plugin))

    @extend_schema(summary="Delete a model", responses={200: OpenApiTypes.OBJECT}, tags=["models"])
    def delete(self, request: Request, model: str) -> Response:
        """Delete a model's files for good."""
        version = access_model_version(model)
        model_delete(version, caller=self.caller)
        return Response({"id": version.name, "object": "model", "deleted": True})


class AliasesView(TenantView):
    """Movable names of models."""

    permissions: ClassVar = {"GET": "models:read", "POST": "models:write"}

    class Body(serializers.Serializer[Any]):
        """Which version a name means from now on."""

        alias = serializers.CharField(max_length=50)
        model = serializers.CharField(max_length=300)

    @extend_schema(summary="List aliases", responses={200: OpenApiTypes.OBJECT}, tags=["models"])
    def get(self, request: Request) -> Response:
        """Answer with every alias."""
        return Response({"object": "list", "data": [_alias_shape(row) for row in alias_list()]})

    @extend_schema(
        summary="Point an alias at a model",
        request=Body,
        responses={200: OpenApiTypes.OBJECT},
        tags=["models"],
    )
    def post(self, request: Request) -> Response:
        """Answer with the alias; its ``id`` is what to send as ``model``."""
        body = self.Body(data=request.data)
        body.is_valid(raise_exception=True)
        version = access_model_version(body.validated_data["model"])
        alias = alias_set(version, name=body.validated_data["alias"], caller=self.caller)
        return Response(_alias_shape(alias))


class AliasView(TenantView):
    """One alias."""

    permissions: ClassVar = {"DELETE": "models:write"}

    @extend_schema(summary="Delete an alias", responses={200: OpenApiTypes.OBJECT}, tags=["models"])
    def delete(self, request: Request, alias: str) -> Response:
        """Take the name away; the model stays."""
        version, name = access_model_version(alias), alias.rpartition("@")[2]
        if "@" not in alias:
            raise InvalidRequest("An alias is written as model@name.", param="alias")
        alias_remove(version.model, name=name, caller=self.caller)
        return Response({"id": alias, "object": "model.alias", "deleted": True})


def plugin_model_shape(plugin: Plugin) -> dict[str, Any]:
    """Return a plugin as a base model."""
    assert plugin.release is not None
    manifest = plugin.release.manifest
    return {
        "id": plugin.id,
        "object": "model",
        "created": int(plugin.created_at.timestamp()),
        "owned_by": manifest.get("author") or "plugin",
        "x_title": plugin.title,
        "x_task": manifest.get("task", "other"),
        "x_trains": manifest.get("trains", False),
        "x_release": plugin.release.version,
    }


def version_shape(version: ModelVersion, caller: Caller) -> dict[str, Any]:
    """Return a trained model with everything it was made from."""
    return {
        "id": version.name,
        "object": "model",
        "created": int(version.created_at.timestamp()),
        "owned_by": caller.tenant.slug,
        "x_version": version.id,
        "x_model": version.model.name,
        "x_number": version.number,
        "x_size_bytes": version.size_bytes,
        "x_sha256": version.sha256,
        "x_metrics": version.metrics,
        "x_lineage": {
            "plugin": version.release.plugin_id,
            "release": version.release.version,
            "digest": version.release.digest,
            "job": version.job_id or None,
            "installed": version.installed or None,
            "dataset_version": version.dataset_version_id or None,
            "validation_version": version.validation_version_id or None,
            "parameters": version.parameters,
            "seed": version.seed,
            "step": version.step,
            "created_by": version.created_by,
        },
    }


def _alias_shape(alias: Alias) -> dict[str, Any]:
    return {
        "id": f"{alias.model.name}@{alias.name}",
        "object": "model.alias",
        "alias": alias.name,
        "model": alias.version.name,
        "updated_at": int(alias.updated_at.timestamp()),
    }


def _is_own(model: str) -> bool:
    return model.startswith("mv-") or ":" in model or "@" in model


def _may_read(caller: Caller) -> None:
    """Let a key that may only predict see what it may predict with, as OpenAI's keys do."""
    if not caller.may("infer"):
        caller.require("models:read")


routes = [
    path("models", ModelsView.as_view(), name="api_models"),
    path("models/<path:model>", ModelView.as_view(), name="api_model"),
    path("aliases", AliasesView.as_view(), name="api_aliases"),
    path("aliases/<path:alias>", AliasView.as_view(), name="api_alias"),
]
