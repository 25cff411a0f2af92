"""What the operator has installed for a training's parameters, and what cannot be had without."""

from collections.abc import Iterator, Mapping
from typing import Any

from django.utils.translation import gettext as _

from modelmill.core.errors import InvalidRequest


def values_offered(manifest: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return, by parameter, the values that are installed for it; not named: it takes any."""
    return {name: list(values) for name, values in (manifest.get("offered") or {}).items()}


def values_closed(manifest: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Return the values that need another parameter for which nothing is installed.

    By parameter, then by value; the last is the name of what the value needs.
    """
    empty = {name for name, values in values_offered(manifest).items() if not values}
    closed: dict[str, dict[str, str]] = {}
    for name, value, needed in _needs(manifest["train_schema"]):
        if needed in empty:
            closed.setdefault(name, {})[value] = needed
    return closed


def closed_check(manifest: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    """Raise ``InvalidRequest`` for a value that needs what is not installed."""
    for name, closed in values_closed(manifest).items():
        value = values.get(name)
        if isinstance(value, str) and value in closed:
            said = _(
                "%(name)s cannot be %(value)s here: it needs %(needed)s, and none is installed."
            )
            said %= {"name": name, "value": value, "needed": closed[value]}
            raise InvalidRequest(said, param=name)


def offered_check(manifest: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    """Raise ``InvalidRequest`` for a value that is not installed; a default passes."""
    fields = manifest["train_schema"].get("properties", {})
    for name, offered in values_offered(manifest).items():
        value = values.get(name)
        if value in offered or value == fields.get(name, {}).get("default"):
            continue
        said = (
            _("%(name)s cannot be %(value)s here. Installed: %(offered)s.")
            if offered
            else _("%(name)s cannot be %(value)s here: none is installed.")
        )
        said %= {"name": name, "value": value, "offered": ", ".join(offered)}
        raise InvalidRequest(said, param=name)


def needed_by(schema: Mapping[str, Any], name: str, values: Mapping[str, Any]) -> str:
    """Say which of the given values needs a parameter, as ``method lora``; empty for none."""
    for other, value, needed in _needs(schema):
        if needed == name and values.get(other) == value:
            return f"{other} {value}"
    return ""


def _needs(schema: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Read a schema's rules of the form: if this is one of these values, that may not be empty."""
    for rule in schema.get("allOf", []):
        asked, given = (_properties(rule, part) for part in ("if", "then"))
        for name, condition in asked.items():
            for value in condition.get("enum", []) if isinstance(condition, dict) else []:
                for needed, bound in given.items():
                    is_needed = isinstance(bound, dict) and bound.get("minLength")
                    if is_needed and isinstance(value, str):
                        yield name, value, needed


def _properties(rule: Any, part: str) -> dict[str, Any]:
    """Return a condition's properties; a plugin's schema may hold anything that is a schema."""
    found = rule.get(part) if isinstance(rule, dict) else None
    return found.get("properties", {}) if isinstance(found, dict) else {}
