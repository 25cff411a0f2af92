"""Promises about how a plugin describes itself."""

from collections.abc import Iterator, Mapping
from typing import Any

from modelmill_sdk.conformance.evidence import Evidence
from modelmill_sdk.conformance.verdicts import Fault, Skip
from modelmill_sdk.plugin import Params
from modelmill_sdk.protocol import Manifests

DESCRIBE_MAX_S = 1.0


class FieldsDescribed:
    """Every field has a description and bounds, and every parameter a default."""

    id = "fields-described"
    fix = (
        "Give it as Field(default, ge=…, le=…, description=…); a text or a list has max_length, "
        "a choice is a Literal."
    )

    def look(self, evidence: Evidence) -> None:
        """Look at the three classes."""
        plugin = evidence.plugin
        classes = [
            (plugin.TrainParams, True),
            (plugin.Input, False),
            (plugin.PredictParams, True),
        ]
        faults = [fault for params, strict in classes for fault in fields_faults(params, strict)]
        if faults:
            raise Fault("\n".join(faults))


class Describes:
    """A fresh process can describe it."""

    id = "describes"
    fix = "Mend what the traceback names; import what only training needs inside the methods."

    def look(self, evidence: Evidence) -> None:
        """Look at the answer."""
        end = evidence.description.end
        if end is None:
            raise Fault(evidence.description.death)
        if isinstance(end, Manifests) and end.broken:
            text = end.broken[0].traceback
            if "has no description" in text or "has no default" in text:
                raise Skip("Its fields are not described; see fields-described.")
            raise Fault("\n".join(text.strip().splitlines()[-6:]))


class DescribesFast:
    """Describing takes less than a second."""

    id = "describes-fast"
    fix = "Import heavy libraries inside the methods, and read no large file at import."

    def look(self, evidence: Evidence) -> None:
        """Compare the time."""
        assert evidence.manifest
        heavy = [one.what for one in evidence.crew.sightings if one.kind == "heavy"]
        if heavy:
            raise Skip("It imports heavy libraries; see describes-light.")
        took_s = evidence.description.took_s
        if took_s > DESCRIBE_MAX_S:
            raise Fault(f"It took {took_s:.2f} s.")


class DescribesLight:
    """Describing imports no torch, nor anything else as heavy."""

    id = "describes-light"
    fix = "Import it inside train(), load() and predict(), or in a module that only they import."

    def look(self, evidence: Evidence) -> None:
        """Look at what was imported."""
        assert evidence.manifest
        heavy = [one.what for one in evidence.crew.sightings if one.kind == "heavy"]
        if heavy:
            raise Fault(f"Describing imported {', '.join(heavy)}.")


class SchemasValid:
    """The JSON Schemas are valid, and whole in themselves."""

    id = "schemas-valid"
    fix = "Use types that pydantic gives a JSON Schema for: numbers, texts, Literal, lists of them."

    def look(self, evidence: Evidence) -> None:
        """Look at all three schemas."""
        manifest = evidence.manifest
        for name in ("train_schema", "input_schema", "predict_schema"):
            schema = getattr(manifest, name)
            if schema.get("type") != "object":
                raise Fault(f"{name} is not the schema of an object.")
            for reference in _references(schema):
                if not _resolves(reference, schema):
                    raise Fault(f"{name} refers to {reference}, which is not in it.")
            _draft_check(name, schema)


class MetadataPresent:
    """Customers can read what it is, who made it, and under which licence."""

    id = "metadata"
    fix = (
        "Set license, authors and description in pyproject.toml, or licence, author and "
        "description on the class."
    )

    def look(self, evidence: Evidence) -> None:
        """Look at the manifest."""
        manifest = evidence.manifest
        names = ("title", "description", "author", "licence")
        missing = [name for name in names if not getattr(manifest, name).strip()]
        if missing:
            raise Fault(f"It has no {', no '.join(missing)}.")


def fields_faults(params: type[Params], is_strict: bool) -> Iterator[str]:
    """Say what is missing in each field; defaults are wanted where ``is_strict``."""
    schema = params.model_json_schema()
    required = set(schema.get("required", ()))
    for name, field in schema.get("properties", {}).items():
        where = f"{params.__qualname__}.{name}"
        if not params.model_fields[name].description:
            yield f"{where} has no description."
        if is_strict and name in required:
            yield f"{where} has no default."
        for missing in _bounds_missing(field, schema):
            yield f"{where} has no {missing}."


def _bounds_missing(
    field: Mapping[str, Any], schema: Mapping[str, Any], seen: frozenset[str] = frozenset()
) -> Iterator[str]:
    name = field.get("$ref", "").rpartition("/")[2]
    # A tree's branches are trees: what is inside itself is looked at once.
    if name and name not in seen:
        # One that leads elsewhere is the business of schemas-valid.
        yield from _bounds_missing(schema.get("$defs", {}).get(name, {}), schema, seen | {name})
    for choice in field.get("anyOf", ()):
        yield from _bounds_missing(choice, schema, seen)
    if "enum" in field or "const" in field:
        return
    kind = field.get("type")
    if kind in ("integer", "number"):
        if not {"minimum", "exclusiveMinimum"} & set(field):
            yield "lower bound"
        if not {"maximum", "exclusiveMaximum"} & set(field):
            yield "upper bound"
    if kind == "string" and not {"maxLength", "pattern", "format"} & set(field):
        yield "greatest length"
    if kind == "array" and "maxItems" not in field:
        yield "greatest length"
    if kind == "array":
        yield from _bounds_missing(field.get("items", {}), schema, seen)


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for item in value.values():
            yield from _references(item)
    elif isinstance(value, list):
        for item in value:
            yield from _references(item)


def _resolves(reference: str, schema: Mapping[str, Any]) -> bool:
    found: Any = schema
    for part in reference.removeprefix("#/").split("/"):
        if not isinstance(found, dict) or part not in found:
            return False
        found = found[part]
    return reference.startswith("#/")


def _draft_check(name: str, schema: dict[str, Any]) -> None:
    try:
        # Not a dependency of the SDK, but whoever installs the platform's tools has it.
        from jsonschema import Draft202012Validator
        from jsonschema.exceptions import SchemaError
    except ImportError:
        return
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        raise Fault(f"{name} is no JSON Schema: {error.message}") from error
