"""/v1/completions: text that goes on from a prompt, whole or piece by piece."""

from collections.abc import Iterator
from typing import Any

from django.http.response import HttpResponseBase
from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from modelmill.api.answers import (
    AnswerStream,
    answer_headers,
    error_in,
    prediction_answered,
    prediction_streamed,
)
from modelmill.api.framework.events import DONE, PING, error_event, event
from modelmill.api.framework.fields import TrueOrFalse
from modelmill.api.framework.views import TenantView
from modelmill.api.sampling import (
    TASK,
    SamplingBody,
    plugin_parameters,
    token_usage,
    wants_usage,
)
from modelmill.core.errors import InvalidRequest
from modelmill.inference.models import Prediction
from modelmill.inference.reading import Ended, Piece, Quiet
from modelmill.inference.services import MAX_INPUTS, Ask


class CompletionsView(TenantView):
    """Complete one prompt or several."""

    permissions = {"POST": "infer"}

    class Body(SamplingBody):
        """A request as OpenAI's client sends it."""

        prompt = serializers.JSONField(required=False, allow_null=True)
        echo = TrueOrFalse(default=False, allow_null=True)

    @extend_schema(
        summary="Complete a prompt",
        request=Body,
        responses={200: OpenApiTypes.OBJECT},
        tags=["completions"],
    )
    def post(self, request: Request) -> HttpResponseBase:
        """Answer with the completions, or with a stream of their pieces."""
        body = self.Body(data=request.data)
        body.is_valid(raise_exception=True)
        checked = body.validated_data
        ask = Ask(
            model=checked["model"],
            inputs=[
                {"prompt": prompt}
                for prompt in _prompts(checked.get("prompt"))
                for _ in range(checked.get("n") or 1)
            ],
            parameters=plugin_parameters(dict(request.data), known=set(body.fields)),
            seed=checked.get("seed"),
            endpoint="completions",
            task=TASK,
            is_streamed=bool(checked.get("stream")),
        )
        # Each completion begins with what it is told to repeat: its prompt, or nothing.
        heads = [one["prompt"] if checked.get("echo") else "" for one in ask.inputs]
        if not ask.is_streamed:
            prediction = prediction_answered(ask, request, caller=self.caller)
            return Response(_whole(prediction, heads), headers=answer_headers(prediction))
        return prediction_streamed(
            ask,
            request,
            caller=self.caller,
            events=lambda stream: _events(stream, heads, with_usage=wants_usage(checked)),
        )


def _prompts(given: Any) -> list[str]:
    """Read what OpenAI's client may send as a prompt; token ids have no meaning here."""
    if given is None:
        return [""]
    prompts = [given] if isinstance(given, str) else given
    if not isinstance(prompts, list) or not prompts:
        raise InvalidRequest("prompt must be a text or a list of texts.", param="prompt")
    # Before they are multiplied by ``n``: a body of eight megabytes has millions of empty texts.
    if len(prompts) > MAX_INPUTS:
        raise InvalidRequest(f"Give at most {MAX_INPUTS} prompts.", param="prompt")
    if not all(isinstance(prompt, str) for prompt in prompts):
        raise InvalidRequest(
            "prompt must be text: each model here has a tokenizer of its own, "
            "so token ids cannot be read.",
            param="prompt",
        )
    return prompts


def _whole(prediction: Prediction, heads: list[str]) -> dict[str, Any]:
    choices = [
        _choice(index, heads[index] + (output.get("text") or ""), output.get("finish_reason"))
        for index, output in enumerate(prediction.outputs)
    ]
    return _frame(prediction, choices) | {"usage": token_usage(prediction)}


def _events(stream: AnswerStream, heads: list[str], *, with_usage: bool) -> Iterator[bytes]:
    prediction = stream.prediction
    # OpenAI sends "usage": null with every chunk but the last, when it was asked for.
    extra: dict[str, Any] = {"usage": None} if with_usage else {}
    for index, head in enumerate(heads):
        if head:
            yield event(_frame(prediction, [_choice(index, head, None)]) | extra)
    for happened in stream:
        if isinstance(happened, Quiet):
            yield PING
        elif isinstance(happened, Piece):
            choice = _choice(happened.index, happened.text, None)
            yield event(_frame(prediction, [choice]) | extra)
        elif isinstance(happened, Ended):
            yield from _ending(happened.prediction, extra, with_usage=with_usage)


def _ending(row: Prediction, extra: dict[str, Any], *, with_usage: bool) -> Iterator[bytes]:
    error = error_in(row)
    if error is not None:
        yield error_event(error)
        return
    for index, output in enumerate(row.outputs):
        choice = _choice(index, "", output.get("finish_reason"))
        yield event(_frame(row, [choice]) | extra)
    if with_usage:
        yield event(_frame(row, []) | {"usage": token_usage(row)})
    yield DONE


def _frame(prediction: Prediction, choices: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": prediction.id.replace("pred-", "cmpl-", 1),
        "object": "text_completion",
        "created": int(prediction.created_at.timestamp()),
        "model": prediction.model_name,
        "choices": choices,
    }


def _choice(index: int, text: str, finish_reason: str | None) -> dict[str, Any]:
    return {"index": index, "text": text, "logprobs": None, "finish_reason": finish_reason}


routes = [path("completions", CompletionsView.as_view(), name="completions")]
