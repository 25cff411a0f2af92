"""/v1/embeddings: texts as vectors."""

import base64
import struct
from typing import Any

from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from modelmill.api.answers import answer_headers, prediction_answered
from modelmill.api.framework.views import TenantView
from modelmill.core.errors import InvalidRequest
from modelmill.inference.models import Prediction
from modelmill.inference.services import Ask

TASK = "embeddings"
MAX_TEXTS = 2_048

_MAX_DIMENSIONS = 65_536


class EmbeddingsView(TenantView):
    """Embed one text or many."""

    permissions = {"POST": "infer"}

    class Body(serializers.Serializer[Any]):
        """A request as OpenAI's client sends it."""

        model = serializers.CharField(max_length=300)
        input = serializers.JSONField()
        encoding_format = serializers.ChoiceField(["float", "base64"], default="float")
        dimensions = serializers.IntegerField(
            min_value=1, max_value=_MAX_DIMENSIONS, required=False, allow_null=True
        )
        user = serializers.CharField(max_length=300, required=False, allow_null=True)

    @extend_schema(
        summary="Embed texts",
        request=Body,
        responses={200: OpenApiTypes.OBJECT},
        tags=["embeddings"],
    )
    def post(self, request: Request) -> Response:
        """Answer with a vector for each text, in their order."""
        body = self.Body(data=request.data)
        body.is_valid(raise_exception=True)
        checked = body.validated_data
        dimensions = checked.get("dimensions")
        ask = Ask(
            model=checked["model"],
            inputs=[{"text": text} for text in _texts(checked["input"])],
            parameters={} if dimensions is None else {"dimensions": dimensions},
            endpoint="embeddings",
            task=TASK,
            most_inputs=MAX_TEXTS,
        )
        prediction = prediction_answered(ask, request, caller=self.caller)
        is_base64 = checked["encoding_format"] == "base64"
        return Response(
            _answer(prediction, is_base64=is_base64), headers=answer_headers(prediction)
        )


def _texts(given: Any) -> list[str]:
    """Read what OpenAI's client may send; token ids have no meaning here."""
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not texts:
        raise InvalidRequest("input must be a text or a list of texts.", param="input")
    if len(texts) > MAX_TEXTS:
        raise InvalidRequest(f"Give at most {MAX_TEXTS} texts.", param="input")
    if not all(isinstance(text, str) for text in texts):
        raise InvalidRequest(
            "input must be text: each model here has a tokenizer of its own, "
            "so token ids cannot be read.",
            param="input",
        )
    empty = next((at for at, text in enumerate(texts) if not text), None)
    if empty is not None:
        raise InvalidRequest(f"Text {empty} of input is empty.", param="input")
    return texts


def _answer(prediction: Prediction, *, is_base64: bool) -> dict[str, Any]:
    read = prediction.usage.get("tokens_in", 0)
    return {
        "object": "list",
        "model": prediction.model_name,
        "data": [
            {
                "object": "embedding",
                "index": index,
                "embedding": _packed(vector) if is_base64 else vector,
            }
            for index, vector in enumerate(map(_vector, prediction.outputs))
        ],
        "usage": {"prompt_tokens": read, "total_tokens": read},
    }


def _vector(output: dict[str, Any]) -> list[float]:
    vector: list[float] = output["value"]["embedding"]
    return vector


def _packed(vector: list[float]) -> str:
    """Write a vector as OpenAI does: base64 of 32-bit floats, little end first."""
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


routes = [path("embeddings", EmbeddingsView.as_view(), name="embeddings")]
