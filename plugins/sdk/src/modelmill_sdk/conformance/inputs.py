"""Values for a plugin's parameters and inputs, made from their JSON Schemas."""

import base64
import io
from collections.abc import Mapping
from typing import Any

from modelmill_sdk.conformance.samples import sample_picture, sample_row, sample_text
from modelmill_sdk.plugin import Params

INPUT_COUNT = 4

# How long a training is, by the names that plugins give it, and how long it is under check.
_LENGTHS = {
    "steps": 8,
    "max_steps": 8,
    "iterations": 8,
    "rounds": 8,
    "trees": 8,
    "epochs": 2,
    "max_epochs": 2,
    "num_epochs": 2,
}


def params_short(model: type[Params]) -> dict[str, Any]:
    """Turn down the parameters that say how long a training is; the others keep their default."""
    found: dict[str, Any] = {}
    for name, field in model.model_json_schema().get("properties", {}).items():
        if name in _LENGTHS and field.get("type") == "integer":
            least = max(field.get("minimum", 0), field.get("exclusiveMinimum", -1) + 1)
            found[name] = min(max(_LENGTHS[name], least), field.get("maximum", 10**9))
    return found


def inputs_make(model: type[Params], count: int = INPUT_COUNT) -> list[dict[str, Any]]:
    """Make inputs from a schema: a field's examples in turn, else a value of its type.

    Fields with neither are left out where they have a default.
    """
    schema = model.model_json_schema()
    required = set(schema.get("required", []))
    return [
        {
            name: _value(name, _resolved(field, schema), number)
            for name, field in schema.get("properties", {}).items()
            if name in required or _resolved(field, schema).get("examples")
        }
        for number in range(count)
    ]


def _resolved(field: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    if "$ref" in field:
        name = field["$ref"].rpartition("/")[2]
        return {**schema["$defs"][name], **{k: v for k, v in field.items() if k != "$ref"}}
    for choice in field.get("anyOf", ()):
        if choice.get("type") != "null":
            return {**_resolved(choice, schema), **field}
    return field


def _value(name: str, field: Mapping[str, Any], number: int) -> Any:
    if field.get("examples"):
        return field["examples"][number % len(field["examples"])]
    if field.get("enum"):
        return field["enum"][number % len(field["enum"])]
    if "const" in field:
        return field["const"]
    kind = field.get("type")
    if kind in ("integer", "number"):
        least = field.get("minimum", field.get("exclusiveMinimum", 0) + 1)
        return min(least + number, field.get("maximum", least + number))
    if kind == "boolean":
        return number % 2 == 0
    if kind == "array":
        return [_value(name, field.get("items", {}), number)]
    if kind == "object":
        return sample_row(number)
    return _text(name, field, number)


def _text(name: str, field: Mapping[str, Any], number: int) -> str:
    media_type = str(field.get("contentMediaType", ""))
    if media_type.startswith("image/") or "image" in name or "picture" in name:
        buffer = io.BytesIO()
        sample_picture(number, is_round=number % 2 == 0).save(buffer, format="PNG")
        return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
    if "user" in name or "item" in name:
        return f"{'user' if 'user' in name else 'item'}-{number}"
    return sample_text(number)[: field.get("maxLength", 1_000)]
