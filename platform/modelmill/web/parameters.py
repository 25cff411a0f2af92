"""A plugin's parameters as people read them: their names, bounds and values."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, TypeGuard

from django.utils.translation import gettext as _

from modelmill.catalog.offering import values_closed, values_offered
from modelmill.catalog.texts import reader_texts

_TELLING = 10**12

Texts = Mapping[str, str]
NO_TEXTS: Texts = MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """One property of a schema, with references and alternatives resolved."""

    name: str
    title: str
    help: str
    type: str
    holds: str
    choices: list[Any]
    least: float | None
    most: float | None
    step: float | None
    max_length: int | None
    # Of a file as base64 text: its media type, such as image/*. Empty where the text is a text.
    media_type: str
    examples: list[Any]
    default: Any
    # The value that leaves the choice to the plugin; None where there is none.
    auto: float | None
    is_required: bool
    # Empty where nobody translated it.
    told_title: str
    # From a choice, as the API takes it, to its name in the reader's language.
    labels: Texts

    @property
    def bounds(self) -> str:
        """The values it takes, in a few signs."""
        if self.choices:
            return _(", ").join(self.label(choice) for choice in self.choices)
        # Seeds reach to 2⁶³: a bound that nobody meets is not worth its digits.
        most = self.most if self.most is not None and self.most < _TELLING else None
        if self.least is not None and most is not None:
            return f"{_number(self.least)} – {_number(most)}"
        if self.least is not None:
            return f"≥ {_number(self.least)}"
        return f"≤ {_number(most)}" if most is not None else ""

    def label(self, value: Any) -> str:
        """Write a value as the API takes it, with its name where it has one: ``auto（自动）``."""
        name = self.labels.get(str(value), "")
        if name.casefold() in ("", str(value).casefold()):
            return str(value)
        return _("%(value)s (%(name)s)") % {"value": value, "name": name}

    @property
    def type_label(self) -> str:
        """What kind of value it takes, in a word."""
        words = {
            "array": _("a list"),
            "boolean": _("yes or no"),
            "integer": _("a whole number"),
            "number": _("a number"),
            "object": _("an object"),
            "string": _("a file, in base64") if self.media_type else _("text"),
        }
        return words.get(self.type, self.type)

    @property
    def default_text(self) -> str:
        """The default as people read it; empty when there is none."""
        if self.default in (None, "", [], {}):
            return ""
        return self.said(self.default) or str(self.default)

    def said(self, value: Any) -> str:
        """Write a value in the reader's words; empty where it has none but its own."""
        if isinstance(value, bool):
            return _("yes") if value else _("no")
        if self.auto is not None and value == self.auto:
            return _("chosen for you")
        return self.labels.get(str(value), "")


def parameters_of(schema: Mapping[str, Any], *, texts: Texts = NO_TEXTS) -> list[Parameter]:
    """Return a schema's properties in the author's order, with what ``texts`` translates."""
    required = schema.get("required", [])
    return [
        _parameter(name, _resolved(one, schema), is_required=name in required, texts=texts)
        for name, one in schema.get("properties", {}).items()
    ]


def parameters_offered(manifest: Mapping[str, Any], *, texts: Texts = NO_TEXTS) -> list[Parameter]:
    """Return a training's parameters as they can be had here, by what is installed."""
    offered, closed = values_offered(manifest), values_closed(manifest)
    found = parameters_of(manifest["train_schema"], texts=texts)
    titles = {one.name: one.title for one in found}
    return [
        _had_here(one, offered.get(one.name), closed.get(one.name, {}), titles=titles)
        for one in found
    ]


@dataclass(frozen=True, kw_only=True)
class ParameterValue:
    """A parameter as it was set; ``title`` and ``label`` are empty where there are none."""

    name: str
    value: Any
    title: str
    label: str

    @property
    def text(self) -> str:
        """The value as people read it: by its label, else as the API takes it."""
        if self.label or (isinstance(self.value, str) and self.value):
            return self.label or str(self.value)
        return json.dumps(self.value, ensure_ascii=False)


def values_told(
    values: Mapping[str, Any], *, schema: Mapping[str, Any], texts: Texts
) -> list[ParameterValue]:
    """Name the values of a job's parameters in the reader's language, where that is not English."""
    known = {one.name: one for one in parameters_of(schema, texts=texts)}
    return [_value_told(name, value, known.get(name)) for name, value in values.items()]


def training_values(manifest: Mapping[str, Any], values: Mapping[str, Any]) -> list[ParameterValue]:
    """Name what a training with a plugin was given, in the language of this page."""
    return values_told(values, schema=manifest["train_schema"], texts=reader_texts(manifest))


def _value_told(name: str, value: Any, parameter: Parameter | None) -> ParameterValue:
    title = parameter.told_title if parameter else ""
    label = parameter.said(value) if parameter else ""
    if isinstance(value, bool) and not title:
        label = ""
    elif value in (None, "", [], {}):
        label = "–"
    return ParameterValue(name=name, value=value, title=title, label=label)


def _resolved(field: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """Follow a reference, and take the branch that is not null."""
    found = dict(field)
    branches = found.pop("anyOf", None) or found.pop("allOf", None) or []
    if "$ref" in found:
        branches = [{"$ref": found.pop("$ref")}]
    for branch in branches:
        if branch.get("type") != "null":
            name = str(branch.get("$ref", "")).rpartition("/")[2]
            found = {**_resolved(schema.get("$defs", {}).get(name, branch), schema), **found}
            break
    return found


def _parameter(
    name: str, field: Mapping[str, Any], *, is_required: bool, texts: Texts
) -> Parameter:
    types = field.get("type", "string")
    kind = next((one for one in types if one != "null"), "string") if _is_list(types) else types
    smallest = 1 if kind == "integer" else 0
    least, above = field.get("minimum"), field.get("exclusiveMinimum")
    most, below = field.get("maximum"), field.get("exclusiveMaximum")
    title = field.get("title") or name.replace("_", " ").capitalize()
    told = field.get("description", "")
    choices = list(field.get("enum", [])) or ([field["const"]] if "const" in field else [])
    return Parameter(
        name=name,
        title=texts.get(title, title),
        told_title=texts.get(title, ""),
        help=texts.get(told, told),
        type=kind,
        holds=str(field.get("items", {}).get("type", "")),
        choices=choices,
        least=least if above is None else above + smallest,
        most=most if below is None else below - smallest,
        step=field.get("multipleOf") or smallest or None,
        max_length=field.get("maxLength"),
        media_type=_media_type(field) if kind == "string" else "",
        examples=_examples(field),
        default=field.get("default"),
        auto=_auto(field.get("x-auto")),
        is_required=is_required,
        labels={one: texts[one] for one in choices if isinstance(one, str) and one in texts},
    )


def _had_here(
    parameter: Parameter,
    offered: list[str] | None,
    closed: Mapping[str, str],
    *,
    titles: Mapping[str, str],
) -> Parameter:
    """Leave out what is not installed, and say so."""
    said, choices = "", parameter.choices
    if offered is not None:
        choices = offered or [""]
        said = "" if offered else _("None is installed here: ask the operator.")
    elif closed:
        choices = [choice for choice in choices if choice not in closed]
        said = _("Not to be had here, as none is installed of “%(needed)s”: %(values)s.") % {
            "values": _(", ").join(parameter.label(one) for one in closed),
            "needed": _(", ").join(sorted({titles.get(one, one) for one in closed.values()})),
        }
    return replace(parameter, choices=choices, help=f"{parameter.help} {said}".strip())


def _auto(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if is_number else None


def _examples(field: Mapping[str, Any]) -> list[Any]:
    found = field.get("examples")
    return found if _is_list(found) else []


def _media_type(field: Mapping[str, Any]) -> str:
    """Return what kind of file a text holds, by JSON Schema's own words for it."""
    if field.get("contentEncoding") != "base64":
        return ""
    return str(field.get("contentMediaType") or "*/*")


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


def _is_list(value: Any) -> TypeGuard[list[Any]]:
    return isinstance(value, list)
