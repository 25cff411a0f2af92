"""What a model's page offers to take home: each of its files, and all of them as one zip."""

from django.http.response import HttpResponseBase
from django.urls import path

from modelmill.core.downloads import blob_response, stream_response
from modelmill.registry.downloads import (
    access_model_file,
    download_record,
    files_to_download,
    zip_name,
    zip_stream,
)
from modelmill.registry.selectors import access_model_version
from modelmill.web.framework import PageRequest, tenant_page


@tenant_page(read="models:download")
def model_file(request: PageRequest, version_id: str, file_path: str) -> HttpResponseBase:
    """Download one file of a model."""
    version = access_model_version(version_id)
    file = access_model_file(version, file_path)
    response = blob_response(request, file.blob, name=file.name)
    if response.status_code < 300:
        download_record(version, caller=request.caller, method=str(request.method), path=file.path)
    return response


@tenant_page(read="models:download")
def model_zip(request: PageRequest, version_id: str) -> HttpResponseBase:
    """Download a whole model."""
    version = access_model_version(version_id)
    content = zip_stream(files_to_download(version))
    response = stream_response(
        request, content, name=zip_name(version), media_type="application/zip"
    )
    download_record(version, caller=request.caller, method=str(request.method))
    return response


routes = [
    path("models/<str:version_id>/files/<path:file_path>", model_file, name="model_file"),
    path("models/<str:version_id>/content", model_zip, name="model_zip"),
]
