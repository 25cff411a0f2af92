"""/v1/plugins: what can be trained and used, with the schemas of its parameters."""

from typing import Any, ClassVar

from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from modelmill.api.framework.views import TenantView
from modelmill.catalog.models import Plugin
from modelmill.catalog.selectors import access_plugin, plugin_list

_FIELDS = (
    "version",
    "title",
    "description",
    "author",
    "licence",
    "task",
    "accepts",
    "meters",
    "needs",
    "trains",
    "streams",
)
_SCHEMAS = ("train_schema", "input_schema", "predict_schema")


class PluginsView(TenantView):
    """The plugins this tenant may use."""

    permissions: ClassVar = {"GET": "models:read"}

    @extend_schema(summary="List plugins", responses={200: OpenApiTypes.OBJECT}, tags=["plugins"])
    def get(self, request: Request) -> Response:
        """Answer with every plugin, by title, without the schemas."""
        data = [plugin_shape(plugin, fields=_FIELDS) for plugin in plugin_list()]
        return Response({"object": "list", "data": data})


class PluginView(TenantView):
    """One plugin."""

    permissions: ClassVar = {"GET": "models:read"}

    @extend_schema(
        summary="Retrieve a plugin", responses={200: OpenApiTypes.OBJECT}, tags=["plugins"]
    )
    def get(self, request: Request, plugin_id: str) -> Response:
        """Answer with the plugin and the JSON Schemas of its parameters and inputs."""
        return Response(plugin_shape(access_plugin(plugin_id), fields=(*_FIELDS, *_SCHEMAS)))


def plugin_shape(plugin: Plugin, *, fields: tuple[str, ...]) -> dict[str, Any]:
    """Return what customers may know of a plugin's manifest."""
    assert plugin.release is not None
    manifest = plugin.release.manifest
    shown = {name: manifest.get(name) for name in fields}
    return {"id": plugin.id, "object": "plugin", "release": plugin.release_id, **shown}


routes = [
    path("plugins", PluginsView.as_view(), name="api_plugins"),
    path("plugins/<str:plugin_id>", PluginView.as_view(), name="api_plugin"),
]
