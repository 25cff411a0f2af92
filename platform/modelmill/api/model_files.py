"""/v1/models/{model}/files and /content: a model to take home, file by file or as one zip."""

from typing import Any, ClassVar

from django.http.response import HttpResponseBase
from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from modelmill.api.framework.negotiation import AnyAccept
from modelmill.api.framework.views import TenantView
from modelmill.core.downloads import blob_response, stream_response
from modelmill.registry.downloads import (
    access_model_file,
    download_record,
    files_to_download,
    zip_name,
    zip_stream,
)
from modelmill.registry.models import ModelFile
from modelmill.registry.selectors import access_model_version


class ModelFilesView(TenantView):
    """The files of a model."""

    permissions: ClassVar = {"GET": "models:read"}

    @extend_schema(
        operation_id="models_files_list",
        summary="List a model's files",
        responses={200: OpenApiTypes.OBJECT},
        tags=["models"],
    )
    def get(self, request: Request, model: str) -> Response:
        """Answer with each file's path, size and SHA-256, by path."""
        files = files_to_download(access_model_version(model))
        return Response({"object": "list", "data": [_shape(file) for file in files]})


class ModelFileView(TenantView):
    """One file of a model."""

    permissions: ClassVar = {"GET": "models:download"}
    content_negotiation_class = AnyAccept

    @extend_schema(
        summary="Download a file of a model",
        responses={(200, "application/octet-stream"): OpenApiTypes.BINARY},
        tags=["models"],
    )
    def get(self, request: Request, model: str, file_path: str) -> HttpResponseBase:
        """Answer with the file's bytes, as the training left them, or a ``Range`` of them."""
        version = access_model_version(model)
        file = access_model_file(version, file_path)
        response = blob_response(request, file.blob, name=file.name)
        if response.status_code < 300:
            download_record(version, caller=self.caller, method=str(request.method), path=file.path)
        return response


class ModelContentView(TenantView):
    """A whole model."""

    permissions: ClassVar = {"GET": "models:download"}
    content_negotiation_class = AnyAccept

    @extend_schema(
        summary="Download a model",
        responses={(200, "application/zip"): OpenApiTypes.BINARY},
        tags=["models"],
    )
    def get(self, request: Request, model: str) -> HttpResponseBase:
        """Stream a zip of all of the model's files."""
        version = access_model_version(model)
        content = zip_stream(files_to_download(version))
        response = stream_response(
            request, content, name=zip_name(version), media_type="application/zip"
        )
        download_record(version, caller=self.caller, method=str(request.method))
        return response


def _shape(file: ModelFile) -> dict[str, Any]:
    return {
        "object": "model.file",
        "path": file.path,
        "bytes": file.blob.size_bytes,
        "sha256": file.blob.sha256,
    }


routes = [
    path("models/<str:model>/files", ModelFilesView.as_view(), name="api_model_files"),
    path(
        "models/<str:model>/files/<path:file_path>", ModelFileView.as_view(), name="api_model_file"
    ),
    path("models/<str:model>/content", ModelContentView.as_view(), name="api_model_content"),
]
