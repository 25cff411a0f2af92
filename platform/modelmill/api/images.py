"""/v1/images/generations: new pictures."""

import base64
from typing import Any

from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from modelmill.api.answers import answer_headers, prediction_answered
from modelmill.api.framework.fields import TrueOrFalse
from modelmill.api.framework.views import TenantView
from modelmill.api.outputs import output_link
from modelmill.core.errors import InvalidRequest
from modelmill.core.storage import blob_open
from modelmill.inference.models import Prediction
from modelmill.inference.selectors import prediction_output_blob
from modelmill.inference.services import MAX_SEED, Ask
from modelmill.registry.selectors import access_model_version

TASK = "image-generation"

# OpenAI's fields that mean nothing to our models, and change nothing.
_NOTES = {"quality", "style", "moderation", "background", "user", "safety_identifier"}
_SIZE = r"^(auto|[1-9]\d{0,4}x[1-9]\d{0,4})$"


class ImagesView(TenantView):
    """Draw pictures."""

    permissions = {"POST": "infer"}

    class Body(serializers.Serializer[Any]):
        """A request as OpenAI's client sends it; other fields are the plugin's parameters."""

        model = serializers.CharField(max_length=300)
        prompt = serializers.CharField(
            required=False, allow_blank=True, trim_whitespace=False, max_length=32_000
        )
        n = serializers.IntegerField(min_value=1, max_value=10, default=1, allow_null=True)
        size = serializers.RegexField(
            _SIZE, default="auto", allow_null=True, help_text="auto, or a size such as 256x256"
        )
        response_format = serializers.ChoiceField(
            choices=["b64_json", "url"], default="b64_json", allow_null=True
        )
        output_format = serializers.ChoiceField(
            choices=["png", "webp", "jpeg"], default="png", allow_null=True
        )
        output_compression = serializers.IntegerField(
            min_value=0, max_value=100, required=False, allow_null=True
        )
        seed = serializers.IntegerField(
            min_value=0, max_value=MAX_SEED, required=False, allow_null=True
        )
        stream = TrueOrFalse(default=False, allow_null=True)
        partial_images = serializers.IntegerField(
            min_value=0, max_value=0, required=False, allow_null=True
        )

        def validate_stream(self, value: bool | None) -> bool:
            """Refuse to stream what comes at once."""
            if value:
                raise InvalidRequest("Pictures are not streamed: leave stream out.", param="stream")
            return False

    @extend_schema(
        summary="Draw pictures",
        request=Body,
        responses={200: OpenApiTypes.OBJECT},
        tags=["images"],
    )
    def post(self, request: Request) -> Response:
        """Answer with the pictures, in base 64 or as links."""
        body = self.Body(data=request.data)
        body.is_valid(raise_exception=True)
        checked = body.validated_data
        prediction = prediction_answered(
            _ask(checked, _plugin_parameters(dict(request.data), set(body.fields))),
            request,
            caller=self.caller,
        )
        as_links = checked.get("response_format") == "url"
        data = [_item(prediction, i, request, as_links) for i in range(len(prediction.outputs))]
        return Response(
            {
                "created": int(prediction.created_at.timestamp()),
                "data": data,
                "size": prediction.outputs[0].get("size"),
                "output_format": prediction.rendering["output_format"],
            },
            headers=answer_headers(prediction),
        )


def _ask(checked: dict[str, Any], parameters: dict[str, Any]) -> Ask:
    rendering = {
        "output_format": checked.get("output_format") or "png",
        "size": checked.get("size") or "auto",
    }
    if checked.get("output_compression") is not None:
        rendering["output_compression"] = checked["output_compression"]
    return Ask(
        model=checked["model"],
        inputs=[_input(checked)] * (checked.get("n") or 1),
        parameters=parameters,
        seed=checked.get("seed"),
        endpoint="images",
        task=TASK,
        rendering=rendering,
    )


def _input(checked: dict[str, Any]) -> dict[str, Any]:
    """Give the prompt to a model that reads one; a GAN draws without."""
    schema = access_model_version(checked["model"]).release.manifest["input_schema"]
    has_prompt = "prompt" in schema.get("properties", {})
    return {"prompt": checked.get("prompt", "")} if has_prompt else {}


def _plugin_parameters(body: dict[str, Any], known: set[str]) -> dict[str, Any]:
    return {
        name: value
        for name, value in body.items()
        if name not in known | _NOTES and value is not None
    }


def _item(prediction: Prediction, index: int, request: Request, as_link: bool) -> dict[str, str]:
    if as_link:
        return {"url": output_link(prediction, index, request)}
    with blob_open(prediction_output_blob(prediction, index=index)) as stream:
        return {"b64_json": base64.b64encode(stream.read()).decode()}


routes = [path("images/generations", ImagesView.as_view(), name="images")]
