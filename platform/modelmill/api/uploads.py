"""/v1/uploads: big files in parts, as OpenAI's client sends them; and resumed, as it cannot."""

from typing import Any

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from modelmill.api.files import FileOut, file_json, lifetime_s
from modelmill.api.framework.views import TenantView, content_length
from modelmill.core.errors import PayloadTooLarge
from modelmill.datasets.models import Upload, UploadPart
from modelmill.datasets.selectors import access_file, access_upload, upload_part_list
from modelmill.datasets.services import (
    PART_MAX_BYTES,
    upload_cancel,
    upload_complete,
    upload_create,
    upload_part_add,
)

_FORM_BYTES = 1 << 16


class PartOut(serializers.Serializer[UploadPart]):
    """A part, as it is answered."""

    id = serializers.CharField()
    object = serializers.ChoiceField(["upload.part"])
    created_at = serializers.IntegerField()
    upload_id = serializers.CharField()
    bytes = serializers.IntegerField()


class UploadOut(serializers.Serializer[Upload]):
    """An upload, as it is answered."""

    id = serializers.CharField()
    object = serializers.ChoiceField(["upload"])
    bytes = serializers.IntegerField()
    created_at = serializers.IntegerField()
    expires_at = serializers.IntegerField()
    filename = serializers.CharField()
    purpose = serializers.CharField()
    status = serializers.ChoiceField(Upload.Status.choices)
    file = FileOut(allow_null=True)


class UploadsView(TenantView):
    """New uploads."""

    permissions = {"POST": "data:write"}

    class Input(serializers.Serializer[Upload]):
        bytes = serializers.IntegerField(min_value=1, max_value=1 << 62)
        filename = serializers.CharField(max_length=1_000)
        mime_type = serializers.CharField(max_length=100, allow_blank=True)
        purpose = serializers.CharField()
        expires_after = serializers.DictField(required=False)

    @extend_schema(operation_id="uploads_create", request=Input, responses=UploadOut)
    def post(self, request: Request) -> Response:
        """Announce a file that will come in parts, within a day."""
        form = self.Input(data=request.data)
        form.is_valid(raise_exception=True)
        asked = form.validated_data
        upload = upload_create(
            filename=asked["filename"],
            purpose=asked["purpose"],
            size_bytes=asked["bytes"],
            media_type=asked["mime_type"],
            caller=self.caller,
            file_lifetime_s=lifetime_s(asked.get("expires_after")),
        )
        return Response(_upload_json(upload))


class UploadView(TenantView):
    """One upload."""

    permissions = {"GET": "data:read"}

    class Output(UploadOut):
        parts = PartOut(many=True)

    @extend_schema(operation_id="uploads_retrieve", responses=Output)
    def get(self, request: Request, upload_id: str) -> Response:
        """Read an upload with the parts that arrived, to go on after an interruption."""
        upload = access_upload(upload_id)
        parts = [_part_json(part) for part in upload_part_list(upload)]
        return Response({**_upload_json(upload), "parts": parts})


class UploadPartsView(TenantView):
    """The parts of an upload."""

    permissions = {"POST": "data:write"}
    parser_classes = [MultiPartParser]

    class Input(serializers.Serializer[UploadPart]):
        data = serializers.FileField(allow_empty_file=True)  # type: ignore[assignment]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse a part that is too big before its first byte is read."""
        super().initial(request, *args, **kwargs)
        if content_length(request) > PART_MAX_BYTES + _FORM_BYTES:
            raise PayloadTooLarge("A part may have at most 64 MB.")

    @extend_schema(operation_id="uploads_parts_create", request=Input, responses=PartOut)
    def post(self, request: Request, upload_id: str) -> Response:
        """Send one part, of at most 64 MB; parts may come in any order."""
        upload = access_upload(upload_id)
        form = self.Input(data=request.data)
        form.is_valid(raise_exception=True)
        sent = form.validated_data["data"]
        return Response(_part_json(upload_part_add(upload, sent, size_bytes=sent.size)))


class UploadCompleteView(TenantView):
    """The end of an upload."""

    permissions = {"POST": "data:write"}

    class Input(serializers.Serializer[Upload]):
        part_ids = serializers.ListField(
            child=serializers.CharField(max_length=40), allow_empty=False, max_length=10_000
        )
        md5 = serializers.CharField(required=False, allow_null=True, max_length=64)

    @extend_schema(operation_id="uploads_complete", request=Input, responses=UploadOut)
    def post(self, request: Request, upload_id: str) -> Response:
        """Join the named parts, in their order, into a file. A repeat answers the same."""
        upload = access_upload(upload_id)
        form = self.Input(data=request.data)
        form.is_valid(raise_exception=True)
        asked = form.validated_data
        upload = upload_complete(
            upload, part_ids=asked["part_ids"], md5=asked.get("md5"), caller=self.caller
        )
        return Response(_upload_json(upload))


class UploadCancelView(TenantView):
    """The giving up of an upload."""

    permissions = {"POST": "data:write"}

    @extend_schema(operation_id="uploads_cancel", request=None, responses=UploadOut)
    def post(self, request: Request, upload_id: str) -> Response:
        """Give an upload up; its parts are deleted."""
        return Response(_upload_json(upload_cancel(access_upload(upload_id))))


def _upload_json(upload: Upload) -> dict[str, Any]:
    return {
        "id": upload.id,
        "object": "upload",
        "bytes": upload.size_bytes,
        "created_at": int(upload.created_at.timestamp()),
        "expires_at": int(upload.expires_at.timestamp()),
        "filename": upload.filename,
        "purpose": upload.purpose,
        "status": upload.status,
        "file": file_json(access_file(upload.file_id)) if upload.file_id else None,
    }


def _part_json(part: UploadPart) -> dict[str, Any]:
    return {
        "id": part.id,
        "object": "upload.part",
        "created_at": int(part.created_at.timestamp()),
        "upload_id": part.upload_id,
        "bytes": part.size_bytes,
    }


routes = [
    path("uploads", UploadsView.as_view(), name="uploads"),
    path("uploads/<str:upload_id>", UploadView.as_view(), name="upload"),
    path("uploads/<str:upload_id>/parts", UploadPartsView.as_view(), name="upload_parts"),
    path("uploads/<str:upload_id>/complete", UploadCompleteView.as_view(), name="upload_complete"),
    path("uploads/<str:upload_id>/cancel", UploadCancelView.as_view(), name="upload_cancel"),
]
