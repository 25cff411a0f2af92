"""/v1/predictions: any model, any input, now or later."""

import re
from typing import Any

from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from modelmill.api.answers import answer_headers, prediction_asked
from modelmill.api.framework.pages import page_of
from modelmill.api.framework.views import TenantView
from modelmill.api.outputs import output_link
from modelmill.core.errors import InvalidRequest, RateLimited
from modelmill.core.waiting import Room
from modelmill.inference.forgetting import prediction_forget
from modelmill.inference.models import Prediction
from modelmill.inference.reading import prediction_wait
from modelmill.inference.selectors import access_prediction, prediction_list
from modelmill.inference.services import MAX_SEED, Ask, prediction_cancel

_WAIT_DEFAULT_S = 60
_WAIT_MAX_S = 300
_WAIT = re.compile(r"\bwait(?:\s*=\s*(\d{1,5}))?", re.IGNORECASE)


class PredictionsView(TenantView):
    """Make predictions, and list them."""

    permissions = {"GET": "infer", "POST": "infer"}

    class Body(serializers.Serializer[Any]):
        """One input or several, and how to work on them."""

        model = serializers.CharField(max_length=300)
        input = serializers.DictField(required=False)
        inputs = serializers.ListField(child=serializers.DictField(), required=False)
        parameters = serializers.DictField(default=dict)
        seed = serializers.IntegerField(
            min_value=0, max_value=MAX_SEED, required=False, allow_null=True
        )

    @extend_schema(
        summary="Make a prediction",
        request=Body,
        responses={200: OpenApiTypes.OBJECT, 202: OpenApiTypes.OBJECT},
        parameters=[
            OpenApiParameter(
                "Prefer",
                location=OpenApiParameter.HEADER,
                description="`wait` or `wait=N`: wait up to N seconds for the result.",
            ),
            OpenApiParameter("Idempotency-Key", location=OpenApiParameter.HEADER),
        ],
        tags=["predictions"],
    )
    def post(self, request: Request) -> Response:
        """Answer with the prediction, finished if it was asked to wait and there was time."""
        body = self.Body(data=request.data)
        body.is_valid(raise_exception=True)
        checked = body.validated_data
        if ("input" in checked) == ("inputs" in checked):
            raise InvalidRequest("Give either input or inputs.", param="input")
        ask = Ask(
            model=checked["model"],
            inputs=checked.get("inputs", [checked.get("input")]),
            parameters=checked["parameters"],
            seed=checked.get("seed"),
        )
        prediction = prediction_asked(ask, request, caller=self.caller)
        return _answer(_waited(prediction, request), request)

    @extend_schema(
        summary="List predictions",
        responses={200: OpenApiTypes.OBJECT},
        parameters=[
            OpenApiParameter("after"),
            OpenApiParameter("limit", int),
            OpenApiParameter("model", description="Only those of this model."),
            OpenApiParameter("status", enum=Prediction.State.values),
        ],
        tags=["predictions"],
    )
    def get(self, request: Request) -> Response:
        """Answer with a page of predictions, newest first."""
        rows = prediction_list(
            model=request.query_params.get("model", ""),
            state=request.query_params.get("status", ""),
        )
        return page_of(rows, request, render=lambda row: prediction_body(row, request))


class PredictionView(TenantView):
    """Look at one prediction, or have it forgotten."""

    permissions = {"GET": "infer", "DELETE": "infer"}

    @extend_schema(
        summary="Delete a prediction's inputs and outputs",
        responses={200: OpenApiTypes.OBJECT},
        tags=["predictions"],
    )
    def delete(self, request: Request, prediction_id: str) -> Response:
        """Forget what went in and came out; what it cost stays on record."""
        prediction = access_prediction(prediction_id)
        prediction_forget(prediction, caller=self.caller)
        return Response({"id": prediction.id, "object": "prediction", "deleted": True})

    @extend_schema(
        summary="Retrieve a prediction", responses={200: OpenApiTypes.OBJECT}, tags=["predictions"]
    )
    def get(self, request: Request, prediction_id: str) -> Response:
        """Answer with the prediction, after waiting for it if asked to."""
        prediction = _waited(access_prediction(prediction_id), request)
        return Response(prediction_body(prediction, request), headers=_headers(prediction))


class PredictionCancelView(TenantView):
    """Give one prediction up."""

    permissions = {"POST": "infer"}
    needs_credit = False

    @extend_schema(
        summary="Cancel a prediction",
        request=None,
        responses={200: OpenApiTypes.OBJECT},
        tags=["predictions"],
    )
    def post(self, request: Request, prediction_id: str) -> Response:
        """Answer with the prediction; one that is over stays as it is."""
        prediction = prediction_cancel(access_prediction(prediction_id))
        return Response(prediction_body(prediction, request))


def prediction_body(prediction: Prediction, request: Request) -> dict[str, Any]:
    """Render one prediction; its pictures and files as links that work for an hour."""
    return {
        "id": prediction.id,
        "object": "prediction",
        "created_at": int(prediction.created_at.timestamp()),
        "finished_at": _seconds(prediction.finished_at),
        "forgotten_at": _seconds(prediction.forgotten_at),
        "model": prediction.model_name,
        "endpoint": prediction.endpoint,
        "status": prediction.state,
        "inputs": prediction.inputs,
        "parameters": prediction.parameters,
        "seed": prediction.seed,
        "outputs": [
            _output(prediction, index, request) for index in range(len(prediction.outputs))
        ],
        "error": prediction.error,
        "usage": prediction.usage,
        "cost_micro": prediction.cost_micro,
        "model_state": prediction.model_state or None,
        "timing": {
            "queue_ms": prediction.queue_ms,
            "load_ms": prediction.load_ms,
            "compute_ms": prediction.compute_ms,
        },
    }


def _output(prediction: Prediction, index: int, request: Request) -> dict[str, Any]:
    output = dict(prediction.outputs[index])
    output["type"] = output.pop("kind")
    if output.pop("blob_id", None):
        output["url"] = output_link(prediction, index, request)
    return output


def _waited(prediction: Prediction, request: Request) -> Prediction:
    found = _WAIT.search(request.headers.get("Prefer", ""))
    if found is None or prediction.is_final:
        return prediction
    wait_s = int(found[1]) if found[1] else _WAIT_DEFAULT_S
    try:
        with Room(prediction.tenant_id):
            return prediction_wait(prediction, timeout_s=min(wait_s, _WAIT_MAX_S))
    except RateLimited:
        # Waiting is a preference (RFC 7240): without room for it the answer comes at once.
        return prediction


def _answer(prediction: Prediction, request: Request) -> Response:
    return Response(
        prediction_body(prediction, request),
        status=200 if prediction.is_final else 202,
        headers=_headers(prediction),
    )


def _headers(prediction: Prediction) -> dict[str, str]:
    return answer_headers(prediction) if prediction.is_final else {}


def _seconds(moment: Any) -> int | None:
    return None if moment is None else int(moment.timestamp())


routes = [
    path("predictions", PredictionsView.as_view(), name="predictions"),
    path("predictions/<str:prediction_id>", PredictionView.as_view(), name="prediction"),
    path(
        "predictions/<str:prediction_id>/cancel",
        PredictionCancelView.as_view(),
        name="prediction_cancel",
    ),
]
