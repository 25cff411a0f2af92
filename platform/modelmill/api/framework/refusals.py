"""What a wrong field is refused with: a stable code, its name, and what to give instead.

DRF's own sentences name no field and say nothing of what fits; its exception leads back to the
serializer, and that knows both. The codes are OpenAI's, where it has one.
"""

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from rest_framework import exceptions as drf
from rest_framework import serializers
from rest_framework.settings import api_settings

from modelmill.core.errors import InvalidRequest

_ROOT = api_settings.NON_FIELD_ERRORS_KEY
_LISTS: tuple[Any, ...] = (serializers.ListField, serializers.ListSerializer)
_OBJECTS = (serializers.DictField, serializers.BaseSerializer)
_MISSING = "missing_required_parameter"
_WRONG_TYPE = "invalid_type"
_WRONG_VALUE = "invalid_value"

# DRF's code to ours; {noun} is what is counted: "string", "array", "integer" or "decimal".
_CODES = {
    "required": _MISSING,
    "null": _WRONG_TYPE,
    "invalid": _WRONG_TYPE,
    "not_a_list": _WRONG_TYPE,
    "not_a_dict": _WRONG_TYPE,
    "invalid_choice": _WRONG_VALUE,
    "no_name": _WRONG_VALUE,
    "blank": "string_below_min_length",
    "empty": "empty_{noun}",
    "min_length": "{noun}_below_min_length",
    "max_length": "{noun}_above_max_length",
    "min_value": "{noun}_below_min_value",
    "max_value": "{noun}_above_max_value",
    "max_string_length": "{noun}_above_max_value",
    "overflow": "{noun}_above_max_value",
}


class _Problem(NamedTuple):
    """The first thing that is wrong, where it is, and the field that says so, if it is known."""

    path: tuple[str, ...]
    detail: drf.ErrorDetail
    field: Any


def refusal_of(exception: drf.ValidationError) -> InvalidRequest:
    """Return the error that a customer reads of a body or query that a serializer refused.

    Sentences that a view wrote itself stay as they are.
    """
    detail = exception.detail
    found = _first(detail, getattr(detail, "serializer", None), ())
    if found is None:
        return InvalidRequest("This request was refused, and no reason was given.")
    path, said, field = found
    param = ".".join(path) or None
    code = str(said.code)
    template = _CODES.get(code)
    if field is None or template is None or not _is_stock(said, field):
        return InvalidRequest(str(said), param=param)
    sentence = _sentence(code, param or "The body", wanted(field))
    return InvalidRequest(sentence, code=_code(template, field), param=param)


def wanted(field: Any) -> str:
    """Say what a field takes, as in "a whole number from 1 to 10"."""
    if isinstance(field, serializers.ChoiceField):
        return f"one of: {', '.join(str(choice) for choice in field.choices)}"
    if isinstance(field, serializers.RegexField) and field.help_text:
        return str(field.help_text)
    if isinstance(field, serializers.CharField):
        least = field.min_length or (0 if field.allow_blank else 1)
        return _counted("text", least, field.max_length, "characters")
    if isinstance(field, _LISTS):
        least = field.min_length or (0 if field.allow_empty else 1)
        return _counted("a list", least, field.max_length, "items")
    if isinstance(field, (serializers.IntegerField, serializers.FloatField)):
        kind = "a whole number" if isinstance(field, serializers.IntegerField) else "a number"
        return _between(kind, field.min_value, field.max_value)
    if isinstance(field, serializers.BooleanField):
        return "true or false"
    if isinstance(field, serializers.FileField):
        return "a file with its name, as a part of multipart/form-data"
    return "an object" if isinstance(field, _OBJECTS) else "a value"


def _sentence(code: str, name: str, what: str) -> str:
    if code == "required":
        return f"{name} is missing: give {what}."
    if code == "null":
        return f"{name} may not be null: give {what}."
    return f"{name} must be {what}."


def _code(template: str, field: Any) -> str:
    if isinstance(field, serializers.RegexField) and template == _WRONG_TYPE:
        return _WRONG_VALUE
    nouns: Iterable[tuple[Any, str]] = (
        (serializers.IntegerField, "integer"),
        (serializers.FloatField, "decimal"),
        (serializers.FileField, "file"),
        (_LISTS, "array"),
    )
    noun = next((word for kinds, word in nouns if isinstance(field, kinds)), "string")
    return template.format(noun=noun)


def _between(kind: str, least: Any, most: Any) -> str:
    if least is None and most is None:
        return kind
    if most is None:
        return f"{kind} of at least {least}"
    return f"{kind} of at most {most}" if least is None else f"{kind} from {least} to {most}"


def _counted(kind: str, least: int, most: int | None, unit: str) -> str:
    if most is not None:
        return f"{kind} of {f'{least} to' if least else 'at most'} {most} {unit}"
    if least == 1:
        return f"{kind} that is not empty"
    return f"{kind} of at least {least} {unit}" if least else kind


def _first(detail: Any, field: Any, path: tuple[str, ...]) -> _Problem | None:
    """Find the first problem in nested dicts and lists, if there is one; some parts are empty."""
    if isinstance(detail, drf.ErrorDetail):
        return _Problem(path, detail, field)
    parts = detail.items() if isinstance(detail, dict) else enumerate(detail)
    key, inner = next(((key, inner) for key, inner in parts if inner), ("", None))
    if inner is None:
        return None
    if key == _ROOT or isinstance(inner, drf.ErrorDetail):
        return _first(inner, field, path)
    return _first(inner, _inside(field, key), (*path, str(key)))


def _inside(field: Any, key: Any) -> Any:
    if isinstance(field, serializers.Serializer):
        return field.fields.get(key)
    return getattr(field, "child", None)


def _is_stock(said: drf.ErrorDetail, field: Any) -> bool:
    stock = str(field.error_messages.get(said.code, ""))
    pattern = re.sub(r"\\\{\w+\\\}", ".*", re.escape(stock))
    return re.fullmatch(pattern, str(said), re.DOTALL) is not None
