"""/v1/files: upload, list, read and delete files, as OpenAI's client does it."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.http.response import HttpResponseBase
from django.urls import path
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from modelmill.api.framework.pages import page_of
from modelmill.api.framework.views import TenantView, content_length
from modelmill.core.downloads import blob_response
from modelmill.core.errors import InvalidRequest
from modelmill.datasets.models import File
from modelmill.datasets.selectors import access_file, file_list
from modelmill.datasets.services import file_create, file_delete, file_refuse_early

_LIFETIME_S = (3_600, 2_592_000)
# What the form around a file may take; only to refuse early, never to accept.
_FORM_BYTES = 1 << 20


class FileOut(serializers.Serializer[File]):
    """A file, as it is answered."""

    id = serializers.CharField()
    object = serializers.ChoiceField(["file"])
    bytes = serializers.IntegerField()
    created_at = serializers.IntegerField()
    expires_at = serializers.IntegerField(allow_null=True)
    filename = serializers.CharField()
    purpose = serializers.CharField()
    status = serializers.ChoiceField(["uploaded", "processed", "error"])
    status_details = serializers.CharField(allow_null=True)
    dataset_id = serializers.CharField(allow_null=True)
    dataset_version_id = serializers.CharField(allow_null=True)


def file_json(file: File) -> dict[str, Any]:
    """Return a file in OpenAI's shape, with the dataset version that was made of it."""
    return {
        "id": file.id,
        "object": "file",
        "bytes": file.size_bytes,
        "created_at": int(file.created_at.timestamp()),
        "expires_at": int(file.expires_at.timestamp()) if file.expires_at else None,
        "filename": file.filename,
        "purpose": file.purpose,
        "status": file.status,
        "status_details": file.status_details or None,
        "dataset_id": getattr(file, "made_dataset_id", None),
        "dataset_version_id": getattr(file, "made_version_id", None),
    }


def lifetime_s(expires_after: Any) -> int | None:
    """Return the seconds of OpenAI's ``expires_after``; None when it is not given."""
    if not expires_after:
        return None
    if not isinstance(expires_after, dict) or expires_after.get("anchor") != "created_at":
        raise InvalidRequest("The only anchor is 'created_at'.", param="expires_after.anchor")
    seconds = str(expires_after.get("seconds", ""))
    least, most = _LIFETIME_S
    is_number = seconds.isascii() and seconds.isdigit() and len(seconds) <= len(str(most))
    if not is_number or not least <= int(seconds) <= most:
        raise InvalidRequest(
            f"seconds must be from {least} to {most}.", param="expires_after.seconds"
        )
    return int(seconds)


class FilesView(TenantView):
    """All files, and new ones."""

    permissions = {"GET": "data:read", "POST": "data:write"}
    parser_classes = [MultiPartParser]

    class Input(serializers.Serializer[File]):
        file = serializers.FileField(allow_empty_file=True, max_length=None)
        purpose = serializers.CharField()
        dataset_id = serializers.CharField(
            required=False, help_text="Make this file the next version of a dataset."
        )

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse what is too big before its first byte is read."""
        super().initial(request, *args, **kwargs)
        if request.method == "POST":
            file_refuse_early(max(0, content_length(request) - _FORM_BYTES))

    @extend_schema(
        operation_id="files_list",
        parameters=[
            OpenApiParameter("purpose", str),
            OpenApiParameter("after", str),
            OpenApiParameter("limit", int),
            OpenApiParameter("order", str, enum=["asc", "desc"]),
        ],
        responses=FileOut(many=True),
    )
    def get(self, request: Request) -> Response:
        """List the files, newest first."""
        order = request.query_params.get("order", "desc")
        if order not in ("asc", "desc"):
            raise InvalidRequest("order must be 'asc' or 'desc'.", param="order")
        return page_of(
            file_list(purpose=request.query_params.get("purpose", "")),
            request,
            render=file_json,
            default_limit=10_000,
            max_limit=10_000,
            ascending=order == "asc",
        )

    @extend_schema(operation_id="files_create", request=Input, responses=FileOut)
    def post(self, request: Request) -> Response:
        """Upload a file. With the purpose ``fine-tune`` it becomes a dataset, checked at once."""
        form = self.Input(data=request.data)
        form.is_valid(raise_exception=True)
        sent = form.validated_data
        file = file_create(
            sent["file"],
            filename=sent["file"].name or "",
            purpose=sent["purpose"],
            caller=self.caller,
            media_type=sent["file"].content_type or "",
            expires_at=_expires_at(request.POST),
            dataset_id=sent.get("dataset_id"),
        )
        return Response(file_json(access_file(file.id)))


class FileView(TenantView):
    """One file."""

    permissions = {"GET": "data:read", "DELETE": "data:write"}

    @extend_schema(operation_id="files_retrieve", responses=FileOut)
    def get(self, request: Request, file_id: str) -> Response:
        """Read what is known of a file; ``status`` tells how its check went."""
        return Response(file_json(access_file(file_id)))

    @extend_schema(operation_id="files_delete", responses=OpenApiTypes.OBJECT)
    def delete(self, request: Request, file_id: str) -> Response:
        """Delete a file, and the dataset version made of it."""
        file_delete(access_file(file_id), caller=self.caller)
        return Response({"id": file_id, "object": "file", "deleted": True})


class FileContentView(TenantView):
    """A file's bytes."""

    permissions = {"GET": "data:read"}

    @extend_schema(operation_id="files_content", responses={(200, "*/*"): OpenApiTypes.BINARY})
    def get(self, request: Request, file_id: str) -> HttpResponseBase:
        """Download a file, byte for byte as it came, or a ``Range`` of it."""
        file = access_file(file_id)
        return blob_response(request, file.blob, name=file.filename)


def _expires_at(form: Mapping[str, Any]) -> datetime | None:
    names = ("anchor", "seconds")
    given = {name: form.get(f"expires_after[{name}]") for name in names}
    seconds = lifetime_s(given if any(given.values()) else None)
    return None if seconds is None else timezone.now() + timedelta(seconds=seconds)


routes = [
    path("files", FilesView.as_view(), name="files"),
    path("files/<str:file_id>", FileView.as_view(), name="file"),
    path("files/<str:file_id>/content", FileContentView.as_view(), name="file_content"),
]
