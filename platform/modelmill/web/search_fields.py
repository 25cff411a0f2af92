"""The form of a search: for every parameter a line in which to write what to try."""

import re
from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext as _

from modelmill.web.parameters import Parameter, Texts, parameters_of

_RANGE = re.compile(r"^\s*(-?[\d.eE+-]+?)\s*(?:\.\.|…|–|—|~|至)\s*(-?[\d.eE+-]+)\s*$")
_SIMPLE = {"integer", "number", "string", "boolean"}


class SpaceField(forms.CharField):
    """``32, 64, 128`` or ``0.0001 .. 0.01``; empty leaves the default."""

    def __init__(self, parameter: Parameter) -> None:
        default = parameter.default_text
        # Choices are written out here, as the API takes them.
        choices = _("Values: %(values)s") % {"values": parameter.bounds}
        told = [parameter.help, choices if parameter.choices else ""]
        super().__init__(
            label=parameter.title,
            required=False,
            max_length=500,
            help_text=" ".join(filter(None, told)),
            widget=forms.TextInput(
                attrs={
                    "placeholder": _("stays %(value)s") % {"value": default} if default else "",
                    "autocomplete": "off",
                }
            ),
        )
        self._type = parameter.type

    def to_python(self, value: Any) -> Any:
        """Read what was written as an entry of a search's space."""
        text = str(value or "").strip()
        if not text:
            return None
        found = _RANGE.match(text)
        if found and self._type in {"integer", "number"}:
            return {"min": self._read(found[1]), "max": self._read(found[2])}
        parts = [part.strip() for part in re.split(r"[,，;；]", text) if part.strip()]
        return {"values": [self._read(part) for part in parts]}

    def validate(self, value: Any) -> None:
        """Nothing more: the search itself checks it against the plugin's schema."""

    def run_validators(self, value: Any) -> None:
        """Nothing more, either."""

    def _read(self, text: str) -> Any:
        try:
            if self._type == "integer":
                return int(float(text)) if float(text).is_integer() else float(text)
            if self._type == "number":
                return float(text)
        except ValueError:
            raise forms.ValidationError(
                _("%(text)s is not a number. Write 32, 64, 128 or 0.001 .. 0.1.") % {"text": text}
            ) from None
        if self._type == "boolean":
            return text.lower() in {"true", "yes", "on", "1", "是"}
        return text


class SpaceForm(forms.Form):
    """One line for each parameter that a search can vary."""

    def __init__(self, *args: Any, schema: Mapping[str, Any], texts: Texts, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for parameter in parameters_of(schema, texts=texts):
            if parameter.type in _SIMPLE:
                self.fields[parameter.name] = SpaceField(parameter)

    def space(self) -> dict[str, Any]:
        """Return what was given; call it on a valid form."""
        return {name: entry for name, entry in self.cleaned_data.items() if entry is not None}
