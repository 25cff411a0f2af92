"""A plugin's JSON Schema as the fields of a form."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext as _

from modelmill.web.parameters import (
    NO_TEXTS,
    Parameter,
    Texts,
    parameters_of,
    parameters_offered,
)

# The author's order says what matters: the first few are shown, the others wait in a fold.
UP_FRONT = 4
_LONG_TEXT = 300


class ParametersForm(forms.Form):
    """A form with one field for each parameter of a schema, or of a manifest's training."""

    def __init__(
        self,
        *args: Any,
        schema: Mapping[str, Any] | None = None,
        manifest: Mapping[str, Any] | None = None,
        texts: Texts = NO_TEXTS,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        given = (
            parameters_offered(manifest, texts=texts)
            if manifest
            else parameters_of(schema or {}, texts=texts)
        )
        for parameter in given:
            field = self.field_for(parameter)
            # What the playground's script makes of the text it finds in the field.
            is_lines = isinstance(field, LinesField)
            field.widget.attrs["data-json"] = "lines" if is_lines else parameter.type
            self.fields[parameter.name] = field

    def field_for(self, parameter: Parameter) -> forms.Field:
        """Return the field of one parameter."""
        return field_of(parameter)

    @property
    def first_fields(self) -> list[forms.BoundField]:
        """What everybody looks at."""
        return list(self)[:UP_FRONT]

    @property
    def more_fields(self) -> list[forms.BoundField]:
        """What waits in the fold."""
        return list(self)[UP_FRONT:]

    @property
    def is_fold_open(self) -> bool:
        """Whether something in the fold needs to be seen."""
        return any(field.errors for field in self.more_fields)


def field_of(parameter: Parameter) -> forms.Field:
    """Return the form field for a parameter: bounds are checked at once, the rest by the schema."""
    common: dict[str, Any] = {
        "label": parameter.title,
        "help_text": parameter.help,
        "required": parameter.is_required,
        "initial": parameter.default,
    }
    if parameter.choices:
        choices = [(str(one), parameter.said(one) or str(one) or "–") for one in parameter.choices]
        has_first = parameter.default not in (None, "") or parameter.is_required
        blank = [] if has_first or "" in parameter.choices else [("", "–")]
        return forms.ChoiceField(choices=[*blank, *choices], **common)
    if parameter.type == "boolean":
        return forms.BooleanField(**{**common, "required": False})
    if parameter.type in ("integer", "number"):
        return _number_field(parameter, common)
    if parameter.type in ("array", "object"):
        empty: Any = [] if parameter.type == "array" else {}
        common["initial"] = parameter.default or empty
        is_lines = parameter.holds == "string"
        if is_lines:
            common["help_text"] = " ".join(filter(None, [parameter.help, _("One a line.")]))
        kind = LinesField if is_lines else forms.JSONField
        return kind(widget=forms.Textarea(attrs={"rows": 2}), **common)
    return _text_field(parameter, common)


def values_of(cleaned: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was given; what was left empty takes the schema's default."""
    return {name: value for name, value in cleaned.items() if value not in (None, "", [], {})}


class LinesField(forms.CharField):
    """A list of texts, one to a line."""

    def prepare_value(self, value: Any) -> Any:
        """Write a list as lines."""
        return "\n".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        """Read lines as a list."""
        return [line for line in str(value or "").splitlines() if line]


def _number_field(parameter: Parameter, common: dict[str, Any]) -> forms.Field:
    is_whole = parameter.type == "integer"
    kind: Any = forms.IntegerField if is_whole else forms.FloatField
    field: forms.Field = kind(
        min_value=parameter.least, max_value=parameter.most, step_size=parameter.step, **common
    )
    field.widget.attrs["inputmode"] = "numeric" if is_whole else "decimal"
    return field


def _text_field(parameter: Parameter, common: dict[str, Any]) -> forms.Field:
    is_long = parameter.max_length is None or parameter.max_length > _LONG_TEXT
    widget = forms.Textarea(attrs={"rows": 3}) if is_long else forms.TextInput()
    return forms.CharField(max_length=parameter.max_length, strip=False, widget=widget, **common)
