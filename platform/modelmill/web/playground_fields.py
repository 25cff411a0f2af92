"""The playground's form: the fields of a schema, and a chooser for what is a file."""

from typing import Any

from django import forms
from django.template.defaultfilters import filesizeformat

from modelmill.web.parameters import Parameter
from modelmill.web.schema_fields import ParametersForm, field_of


class FileChooser(forms.FileInput):
    """A file that the page's script turns into base64; a picture is shown as one."""

    template_name = "playground/_file.html"

    def __init__(self, *, media_type: str, most_bytes: int | None) -> None:
        accept = {} if media_type == "*/*" else {"accept": media_type}
        most = {} if most_bytes is None else {"data-most-bytes": most_bytes}
        super().__init__(attrs={**accept, **most})
        self.most_bytes = most_bytes

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        """Add what the page says of a file that is too big."""
        most = "" if self.most_bytes is None else filesizeformat(self.most_bytes)
        return {**super().get_context(name, value, attrs), "most": most}


class PlaygroundForm(ParametersForm):
    """A form with one field for each parameter, whose files are chosen instead of typed."""

    def field_for(self, parameter: Parameter) -> forms.Field:
        """Return the field of one parameter."""
        if not parameter.media_type:
            return field_of(parameter)
        # Base64 makes four characters of three bytes.
        most = None if parameter.max_length is None else parameter.max_length // 4 * 3
        return forms.CharField(
            label=parameter.title,
            help_text=parameter.help,
            required=parameter.is_required,
            widget=FileChooser(media_type=parameter.media_type, most_bytes=most),
        )
