"""How a text is drawn: the part of a request that completions and chat share."""

from typing import Any

from rest_framework import serializers

from modelmill.api.framework.fields import TrueOrFalse
from modelmill.core.errors import InvalidRequest
from modelmill.inference.models import Prediction
from modelmill.inference.services import MAX_SEED

TASK = "text-generation"

_MAX_N = 16
# What we do not offer; the value in which it does nothing is welcome.
_NEUTRAL: dict[str, tuple[Any, ...]] = {
    "logprobs": (None, False),
    "top_logprobs": (None, 0),
    "echo": (None, False),
    "suffix": (None, ""),
    "best_of": (None, 1),
    "tools": (None, []),
    "functions": (None, []),
    "response_format": (None, {"type": "text"}),
}
# What a plugin may offer under the same name; in these values it does nothing anywhere.
_OFFERED_BY_SOME: dict[str, tuple[Any, ...]] = {
    "logit_bias": (None, {}),
    "presence_penalty": (None, 0),
    "frequency_penalty": (None, 0),
}
# What says who asks and why, and changes nothing in the answer.
_NOTES = ("user", "metadata", "store", "safety_identifier", "prompt_cache_key")


class StreamOptions(serializers.Serializer[Any]):
    """What a stream carries beside the text."""

    include_usage = TrueOrFalse(default=False)


class SamplingBody(serializers.Serializer[Any]):
    """The fields of OpenAI's that say how to draw; anything else is the plugin's own parameter."""

    model = serializers.CharField(max_length=300)
    n = serializers.IntegerField(min_value=1, max_value=_MAX_N, default=1, allow_null=True)
    seed = serializers.IntegerField(
        min_value=0, max_value=MAX_SEED, required=False, allow_null=True
    )
    stream = TrueOrFalse(default=False, allow_null=True)
    stream_options = StreamOptions(required=False, allow_null=True)
    max_tokens = serializers.IntegerField(min_value=1, required=False, allow_null=True)
    temperature = serializers.FloatField(required=False, allow_null=True)
    top_p = serializers.FloatField(required=False, allow_null=True)
    stop = serializers.JSONField(required=False, allow_null=True)


def plugin_parameters(body: dict[str, Any], *, known: set[str]) -> dict[str, Any]:
    """Return what of a body is for the plugin: its parameters, under their own names.

    Raises ``InvalidRequest`` for a feature of OpenAI's that we do not offer.
    """
    for name, neutral in _NEUTRAL.items():
        if name in body and name not in known and body[name] not in neutral:
            raise InvalidRequest(
                f"{name} is not offered here; leave it out.",
                code="unsupported_parameter",
                param=name,
            )
    passed: dict[str, Any] = {
        name: body[name] for name in ("max_tokens", "temperature", "top_p", "stop") if name in body
    }
    if isinstance(passed.get("stop"), str):
        passed["stop"] = [passed["stop"]]
    beside = known | _NEUTRAL.keys() | set(_NOTES)
    passed |= {
        name: value
        for name, value in body.items()
        if name not in beside and value not in _OFFERED_BY_SOME.get(name, ())
    }
    return {name: value for name, value in passed.items() if value is not None}


def wants_usage(checked: dict[str, Any]) -> bool:
    """Say whether a stream is to end with what was used."""
    return bool((checked.get("stream_options") or {}).get("include_usage"))


def token_usage(prediction: Prediction) -> dict[str, int]:
    """Return a prediction's tokens in OpenAI's words."""
    tokens_in = int(prediction.usage.get("tokens_in", 0))
    tokens_out = int(prediction.usage.get("tokens_out", 0))
    return {
        "prompt_tokens": tokens_in,
        "completion_tokens": tokens_out,
        "total_tokens": tokens_in + tokens_out,
    }
