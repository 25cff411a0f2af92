"""What a model's page offers to take home: each of its files, and all of them as one zip."""

from django.http import FileResponse, StreamingHttpResponse
from django.urls import path
from django.utils.http import content_disposition_header

from modelmill.core.storage import blob_open
from modelmill.registry.downloads import (
    access_model_file,
    download_record,
    files_to_download,
    zip_name,
    zip_stream,
)
from modelmill.registry.selectors import access_model_version
from modelmill.web.framework import PageRequest, tenant_page


@tenant_page(read="models:read")
def model_file(request: PageRequest, version_id: str, file_path: str) -> FileResponse:
    """Download one file of a model."""
    version = access_model_version(version_id)
    file = access_model_file(version, file_path)
    content = blob_open(file.blob)
    download_record(version, caller=request.caller, method=str(request.method), path=file.path)
    response = FileResponse(
        content,
        as_attachment=True,
        filename=file.path.rpartition("/")[2],
        content_type="application/octet-stream",
    )
    response["Content-Length"] = str(file.blob.size_bytes)
    response["Cache-Control"] = "private, no-store"
    return response


@tenant_page(read="models:read")
def model_zip(request: PageRequest, version_id: str) -> StreamingHttpResponse:
    """Download a whole model."""
    version = access_model_version(version_id)
    files = files_to_download(version)
    download_record(version, caller=request.caller, method=str(request.method))
    response = StreamingHttpResponse(zip_stream(files), content_type="application/zip")
    response["Content-Disposition"] = content_disposition_header(True, zip_name(version))
    response["Cache-Control"] = "private, no-store"
    return response


routes = [
    path("models/<str:version_id>/files/<path:file_path>", model_file, name="model_file"),
    path("models/<str:version_id>/content", model_zip, name="model_zip"),
]
