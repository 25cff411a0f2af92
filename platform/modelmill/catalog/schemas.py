"""A manifest's schemas, checked before a form, a page or a request relies on them."""

from collections.abc import Mapping
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

_SCHEMAS = ("train_schema", "input_schema", "predict_schema")


def manifest_problem(manifest: Mapping[str, Any]) -> str:
    """Say what is wrong with the schemas of a manifest, for the operator; "" when all is well.

    They come from the plugin's own process, which may say anything.
    """
    for name in _SCHEMAS:
        schema = manifest.get(name, {})
        try:
            Draft202012Validator.check_schema(schema)
        except SchemaError as error:
            return f"{name} is no JSON Schema: {error.message} (at {error.json_path})"
        except RecursionError:
            return f"{name} is too deep."
        if not isinstance(schema, dict) or not _are_fields(schema.get("properties", {})):
            return f"{name} must describe an object, each of its properties by a schema."
    return ""


def _are_fields(properties: Any) -> bool:
    return isinstance(properties, dict) and all(
        isinstance(one, dict) for one in properties.values()
    )
