"""Parameters against a release's schema: completed with defaults, or refused with a reason."""

from collections.abc import Mapping
from difflib import get_close_matches
from math import isfinite
from typing import Any, Literal

from django.utils.translation import gettext as _
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match

from modelmill.catalog.models import Release
from modelmill.catalog.offering import closed_check, needed_by, offered_check
from modelmill.core.errors import InvalidRequest

SchemaName = Literal["train", "input", "predict"]

_AUTO = "auto"
_MISSING = "missing_required_parameter"
# A schema's keyword to what is wrong where it does not hold; anything else is an invalid value.
_CODES = {
    "type": "invalid_type",
    "minimum": "{number}_below_min_value",
    "exclusiveMinimum": "{number}_below_min_value",
    "maximum": "{number}_above_max_value",
    "exclusiveMaximum": "{number}_above_max_value",
    "minLength": "string_below_min_length",
    "maxLength": "string_above_max_length",
    "minItems": "array_below_min_length",
    "maxItems": "array_above_max_length",
}


def parameters_complete(
    release: Release, values: Mapping[str, Any], *, schema: SchemaName = "train"
) -> dict[str, Any]:
    """Return ``values`` with the schema's defaults filled in, in the schema's order.

    Numbers may come as text ("32", as forms send them). ``"auto"`` means the
    default, unless the schema itself knows the word. Raises ``InvalidRequest``,
    with the parameter's name in ``param``, for an unknown name, a missing one
    and a value out of bounds.
    """
    rules: dict[str, Any] = release.manifest[f"{schema}_schema"]
    fields: dict[str, Any] = rules.get("properties", {})
    _refuse_unknown(values, fields, title=release.title)
    complete = {}
    for name, field in fields.items():
        value = _read(values[name], field, rules) if name in values else None
        if name in values and not _is_auto(value, field, rules):
            complete[name] = value
        elif "default" in field:
            complete[name] = field["default"]
    if schema == "train":
        closed_check(release.manifest, complete)
    problem = best_match(Draft202012Validator(rules).iter_errors(complete))
    if problem is not None:
        raise _refusal(problem, rules, complete)
    if schema == "train":
        offered_check(release.manifest, complete)
    return complete


def parameter_types(release: Release, name: str) -> set[str]:
    """Return the JSON types a training parameter may have; none for an unknown name."""
    rules: dict[str, Any] = release.manifest["train_schema"]
    return _types(rules.get("properties", {}).get(name, {}), rules)


def _meant(name: str, fields: Mapping[str, Any]) -> str:
    """Return the parameter that somebody who wrote ``name`` most likely meant, if any."""
    close = get_close_matches(name, fields, 1)
    # OpenAI counts in epochs, and most plugins here in steps.
    by_habit = [field for field in ("epochs", "steps") if name == "n_epochs" and field in fields]
    return next(iter([*close, *by_habit]), "")


def _refuse_unknown(values: Mapping[str, Any], fields: Mapping[str, Any], *, title: str) -> None:
    for name in values:
        if name not in fields:
            known = ", ".join(fields) or _("none")
            said = _("%(title)s has no parameter %(name)s. It has: %(known)s.")
            said %= {"title": title, "name": name, "known": known}
            meant = _meant(name, fields)
            if meant:
                hint = _("Did you mean %(name)s?") % {"name": meant}
                said = f"{said} {hint}"
            raise InvalidRequest(
                said,
                code="unknown_parameter",
                param=name,
            )


def _read(value: Any, field: Mapping[str, Any], rules: Mapping[str, Any]) -> Any:
    """Read a number or a boolean that came as text; leave everything else to the schema."""
    types = _types(field, rules)
    if not isinstance(value, str) or "string" in types or _accepts(value, field, rules):
        return value
    text = value.strip()
    if not text and "null" in types:
        return None
    if "boolean" in types and text.lower() in {"true", "false", "on"}:
        return text.lower() != "false"
    for type_name, convert in (("integer", int), ("number", float)):
        if type_name in types:
            try:
                number: int | float = convert(text)
            except ValueError:
                continue
            # "nan" and "inf" pass every bound of a schema, and no database stores them.
            return value if isinstance(number, float) and not isfinite(number) else number
    return value


def _is_auto(value: Any, field: Mapping[str, Any], rules: Mapping[str, Any]) -> bool:
    return value == _AUTO and "default" in field and not _accepts(value, field, rules)


def _accepts(value: Any, field: Mapping[str, Any], rules: Mapping[str, Any]) -> bool:
    schema = {**field, "$defs": rules.get("$defs", {})}
    return bool(Draft202012Validator(schema).is_valid(value))


def _types(field: Mapping[str, Any], rules: Mapping[str, Any]) -> set[str]:
    """Collect the JSON types a field may have, through ``anyOf`` and ``$ref``."""
    if "$ref" in field:
        name = str(field["$ref"]).rpartition("/")[2]
        field = rules.get("$defs", {}).get(name, {})
    types = field.get("type", [])
    found = {types} if isinstance(types, str) else set(types)
    for branch in (*field.get("anyOf", ()), *field.get("oneOf", ()), *field.get("allOf", ())):
        found |= _types(branch, rules)
    return found


def _refusal(
    problem: ValidationError, rules: Mapping[str, Any], complete: Mapping[str, Any]
) -> InvalidRequest:
    path = ".".join(str(part) for part in problem.absolute_path)
    asker = needed_by(rules, path, complete) if problem.validator == "minLength" else ""
    if asker:
        said = _("%(name)s is required with %(value)s.") % {"name": path, "value": asker}
        return InvalidRequest(said, code=_MISSING, param=path)
    if problem.validator == "required":
        required: Any = problem.validator_value
        given: Any = problem.instance
        missing = next(name for name in required if name not in given)
        path = f"{path}.{missing}" if path else missing
        return InvalidRequest(
            _("%(name)s is required.") % {"name": path},
            code="missing_required_parameter",
            param=path,
        )
    bound = problem.validator_value
    sentence = _sentences().get(str(problem.validator))
    if sentence is None:
        return InvalidRequest(f"{path}: {problem.message}", param=path or None)
    if isinstance(bound, list):
        bound = ", ".join(str(item) for item in bound)
    text = sentence % {"name": path, "bound": bound, "value": _shown(problem.instance)}
    return InvalidRequest(text, code=_code(problem), param=path)


def _code(problem: ValidationError) -> str:
    """Return the code that a field of the API has for the same fault."""
    template = _CODES.get(str(problem.validator), InvalidRequest.code)
    schema: Any = problem.schema
    is_whole = "integer" in _types(schema, {})
    return template.format(number="integer" if is_whole else "decimal")


def _shown(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _sentences() -> dict[str, str]:
    return {
        "minimum": _("%(name)s must be at least %(bound)s, not %(value)s."),
        "maximum": _("%(name)s must be at most %(bound)s, not %(value)s."),
        "exclusiveMinimum": _("%(name)s must be more than %(bound)s, not %(value)s."),
        "exclusiveMaximum": _("%(name)s must be less than %(bound)s, not %(value)s."),
        "multipleOf": _("%(name)s must be a multiple of %(bound)s, not %(value)s."),
        "enum": _("%(name)s must be one of %(bound)s, not %(value)s."),
        "const": _("%(name)s must be %(bound)s, not %(value)s."),
        "type": _("%(name)s must be of type %(bound)s, not %(value)s."),
        "minLength": _("%(name)s must have at least %(bound)s characters."),
        "maxLength": _("%(name)s must have at most %(bound)s characters."),
        "pattern": _("%(name)s must match %(bound)s, not %(value)s."),
        "minItems": _("%(name)s must have at least %(bound)s items."),
        "maxItems": _("%(name)s must have at most %(bound)s items."),
    }
