"""Links to a prediction's pictures and files: for a key's holder, or signed for an hour."""

from typing import Any
from urllib.parse import quote

from django.core import signing
from django.http import FileResponse
from django.urls import path, reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.views import APIView

from modelmill.api.framework.views import TenantView
from modelmill.core.errors import NotFound
from modelmill.core.models import Blob
from modelmill.core.scope import tenant_scope
from modelmill.core.storage import blob_open
from modelmill.inference.models import Prediction
from modelmill.inference.selectors import access_prediction, prediction_output_blob

LINK_S = 3600
_SALT = "modelmill.outputs"
# What a browser may show; everything else it may only save.
_SHOWN = {"image/png": "png", "image/webp": "webp", "image/jpeg": "jpg"}


class OutputView(TenantView):
    """One output's bytes, for a caller of the tenant."""

    permissions = {"GET": "infer"}

    @extend_schema(
        summary="Download an output", responses={200: OpenApiTypes.BINARY}, tags=["predictions"]
    )
    def get(self, request: Request, prediction_id: str, index: int) -> FileResponse:
        """Answer with a picture or file."""
        return _content(access_prediction(prediction_id), index)


class SignedOutputView(APIView):
    """One output's bytes, for whoever was given the link."""

    authentication_classes = ()

    @extend_schema(
        summary="Download an output by its link",
        responses={200: OpenApiTypes.BINARY},
        tags=["predictions"],
        auth=[],
    )
    def get(self, request: Request, token: str) -> FileResponse:
        """Answer with a picture or file, while the link is good."""
        try:
            tenant_id, prediction_id, index = signing.loads(token, salt=_SALT, max_age=LINK_S)
        except signing.BadSignature:
            raise NotFound("This link is wrong or older than an hour.") from None
        with tenant_scope(tenant_id):
            return _content(access_prediction(prediction_id), index)


def output_link(prediction: Prediction, index: int, request: Request) -> str:
    """Return the address of an output that works for an hour without a key."""
    token = signing.dumps([prediction.tenant_id, prediction.id, index], salt=_SALT)
    return request.build_absolute_uri(reverse("signed_output", args=[token]))


def _content(prediction: Prediction, index: int) -> FileResponse:
    blob: Blob = prediction_output_blob(prediction, index=index)
    suffix = _SHOWN.get(blob.media_type)
    output: dict[str, Any] = prediction.outputs[index]
    name = output.get("filename") or f"{prediction.id}-{index}.{suffix or 'bin'}"
    response = FileResponse(
        blob_open(blob), content_type=blob.media_type if suffix else "application/octet-stream"
    )
    disposition = "inline" if suffix else "attachment"
    response["Content-Disposition"] = f"{disposition}; filename*=UTF-8''{quote(name)}"
    response["Content-Length"] = str(blob.size_bytes)
    response["Content-Security-Policy"] = "sandbox"
    response["X-Content-Type-Options"] = "nosniff"
    # An output never changes; what is one tenant's must not lie in a shared cache.
    response["Cache-Control"] = "private, max-age=3600, immutable"
    return response


routes = [
    path(
        "predictions/<str:prediction_id>/outputs/<int:index>", OutputView.as_view(), name="output"
    ),
    path("outputs/<str:token>", SignedOutputView.as_view(), name="signed_output"),
]
