"""/v1/chat/completions: the answer to a conversation, whole or piece by piece."""

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
from modelmill.inference.services import Ask
from modelmill.registry.selectors import access_model_version

_SPEAKERS = {"system": "System", "developer": "System", "user": "User", "assistant": "Assistant"}


class ChatView(TenantView):
    """Answer a conversation."""

    permissions = {"POST": "infer"}

    class Body(SamplingBody):
        """A request as OpenAI's client sends it."""

        class Message(serializers.Serializer[Any]):
            """One turn of the conversation."""

            role = serializers.ChoiceField(choices=list(_SPEAKERS))
            content = serializers.JSONField()

        messages = Message(many=True, allow_empty=False)
        max_completion_tokens = serializers.IntegerField(
            min_value=1, required=False, allow_null=True
        )

    @extend_schema(
        summary="Answer a conversation",
        request=Body,
        responses={200: OpenApiTypes.OBJECT},
        tags=["chat"],
    )
    def post(self, request: Request) -> HttpResponseBase:
        """Answer with the assistant's turn, or with a stream of its pieces."""
        body = self.Body(data=request.data)
        body.is_valid(raise_exception=True)
        checked = body.validated_data
        parameters = plugin_parameters(dict(request.data), known=set(body.fields))
        if checked.get("max_completion_tokens"):
            parameters["max_tokens"] = checked["max_completion_tokens"]
        ask = Ask(
            model=checked["model"],
            parameters=parameters,
            inputs=[_input(checked, parameters)] * (checked.get("n") or 1),
            seed=checked.get("seed"),
            endpoint="chat",
            task=TASK,
            is_streamed=bool(checked.get("stream")),
        )
        if not ask.is_streamed:
            prediction = prediction_answered(ask, request, caller=self.caller)
            return Response(_whole(prediction), headers=answer_headers(prediction))
        n, with_usage = len(ask.inputs), wants_usage(checked)
        return prediction_streamed(
            ask,
            request,
            caller=self.caller,
            events=lambda stream: _events(stream, n=n, with_usage=with_usage),
        )


def _input(checked: dict[str, Any], parameters: dict[str, Any]) -> dict[str, Any]:
    """Give the conversation to a model that takes one; to any other, as a text to go on from."""
    turns = [
        {"role": turn["role"], "content": _text(turn["content"], place)}
        for place, turn in enumerate(checked["messages"])
    ]
    manifest = access_model_version(checked["model"]).release.manifest
    if "messages" in manifest["input_schema"].get("properties", {}):
        return {"messages": turns}
    if "stop" in manifest["predict_schema"].get("properties", {}):
        # The model would go on to write the user's next turn as well.
        parameters.setdefault("stop", ["\nUser:"])
    lines = [f"{_SPEAKERS[turn['role']]}: {turn['content']}" for turn in turns]
    return {"prompt": "\n".join([*lines, "Assistant:"])}


def _text(content: Any, place: int) -> str:
    """Read a turn's content: a text, or a list of text parts."""
    if isinstance(content, str):
        return content
    if isinstance(content, list) and all(
        isinstance(part, dict) and part.get("type") == "text" and isinstance(part.get("text"), str)
        for part in content
    ):
        return "".join(part["text"] for part in content)
    raise InvalidRequest(
        "content must be a text, or a list of text parts.", param=f"messages.{place}.content"
    )


def _whole(prediction: Prediction) -> dict[str, Any]:
    choices = [
        {
            "index": index,
            "message": {
                "role": "assistant",
                "content": (output.get("text") or "").lstrip(" "),
                "refusal": None,
            },
            "logprobs": None,
            "finish_reason": output.get("finish_reason"),
        }
        for index, output in enumerate(prediction.outputs)
    ]
    frame = _frame(prediction, "chat.completion", choices)
    return frame | {"usage": token_usage(prediction)}


def _events(stream: AnswerStream, *, n: int, with_usage: bool) -> Iterator[bytes]:
    prediction = stream.prediction
    extra: dict[str, Any] = {"usage": None} if with_usage else {}
    for index in range(n):
        first = _delta(index, {"role": "assistant", "content": ""})
        yield event(_frame(prediction, "chat.completion.chunk", [first]) | extra)
    has_begun: set[int] = set()
    for happened in stream:
        if isinstance(happened, Quiet):
            yield PING
        elif isinstance(happened, Piece):
            text = happened.text if happened.index in has_begun else happened.text.lstrip(" ")
            if text:
                has_begun.add(happened.index)
                choice = _delta(happened.index, {"content": text})
                yield event(_frame(prediction, "chat.completion.chunk", [choice]) | extra)
        elif isinstance(happened, Ended):
            yield from _ending(happened.prediction, extra, with_usage=with_usage)


def _ending(row: Prediction, extra: dict[str, Any], *, with_usage: bool) -> Iterator[bytes]:
    error = error_in(row)
    if error is not None:
        yield error_event(error)
        return
    for index, output in enumerate(row.outputs):
        choice = _delta(index, {}, output.get("finish_reason"))
        yield event(_frame(row, "chat.completion.chunk", [choice]) | extra)
    if with_usage:
        usage = {"usage": token_usage(row)}
        yield event(_frame(row, "chat.completion.chunk", []) | usage)
    yield DONE


def _frame(prediction: Prediction, kind: str, choices: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": prediction.id.replace("pred-", "chatcmpl-", 1),
        "object": kind,
        "created": int(prediction.created_at.timestamp()),
        "model": prediction.model_name,
        "choices": choices,
    }


def _delta(index: int, delta: dict[str, str], finish_reason: str | None = None) -> dict[str, Any]:
    return {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish_reason}


routes = [path("chat/completions", ChatView.as_view(), name="chat")]
