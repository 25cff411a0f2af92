"""/v1/models/{model}/files and /content: a model to take home, file by file or as one zip."""

from typing import Any, ClassVar

from django.http import FileResponse, StreamingHttpResponse
from django.urls import path
from django.utils.http import content_disposition_header
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from modelmill.api.framework.negotiation import AnyAccept
from modelmill.api.framework.views import TenantView
from modelmill.core.storage import blob_open
from modelmill.registry.downloads import (
    access_model_file,
    download_record,
    files_to_download,
    zip_name,
    zip_stream,
)
from modelmill.registry.models import ModelFile
from modelmill.registry.selectors import access_model_version

_HEADERS: dict[str, Any] = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "private, no-store",
}


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

    permissions: ClassVar = {"GET": "models:read"}
    content_negotiation_class = AnyAccept

    @extend_schema(
        summary="Download a file of a model",
        responses={(200, "application/octet-stream"): OpenApiTypes.BINARY},
        tags=["models"],
    )
    def get(self, request: Request, model: str, file_path: str) -> FileResponse:
        """Answer with the file's bytes, as the training left them."""
        version = access_model_version(model)
        file = access_model_file(version, file_path)
        content = blob_open(file.blob)
        download_record(version, caller=self.caller, method=str(request.method), path=file.path)
        return FileResponse(
            content,
            as_attachment=True,
            filename=file.path.rpartition("/")[2],
            content_type="application/octet-stream",
            headers={**_HEADERS, "Content-Length": file.blob.size_bytes},
        )


class ModelContentView(TenantView):
    """A whole model."""

    permissions: ClassVar = {"GET": "models:read"}
    content_negotiation_class = AnyAccept

    @extend_schema(
        summary="Download a model",
        responses={(200, "application/zip"): OpenApiTypes.BINARY},
        tags=["models"],
    )
    def get(self, request: Request, model: str) -> StreamingHttpResponse:
        """Stream a zip of all of the model's files."""
        version = access_model_version(model)
        files = files_to_download(version)
        download_record(version, caller=self.caller, method=str(request.method))
        disposition = {"Content-Disposition": content_disposition_header(True, zip_name(version))}
        return StreamingHttpResponse(
            zip_stream(files), content_type="application/zip", headers={**_HEADERS, **disposition}
        )


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
