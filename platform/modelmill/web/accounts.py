"""The account forms, in our words: plain labels, no text inside the fields."""

from typing import Any

from allauth.account import forms as allauth_forms
from django import forms
from django.utils.translation import gettext_lazy as _

_LABELS = {
    "login": _("E-mail address"),
    "email": _("E-mail address"),
    "password": _("Password"),
    "password1": _("Password"),
    "remember": _("Keep me logged in"),
}


class _PlainLabels(forms.Form):
    """Give known fields our labels and empty boxes."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            field.widget.attrs.pop("placeholder", None)
            if name in _LABELS:
                field.label = _LABELS[name]


class LoginForm(_PlainLabels, allauth_forms.LoginForm):  # type: ignore[misc]
    """Log in."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # The page has its own link to a new password.
        self.fields["password"].help_text = ""


class SignupForm(_PlainLabels, allauth_forms.SignupForm):  # type: ignore[misc]
    """Sign up."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["password1"].help_text = _("At least 8 characters that nobody guesses.")


class AddEmailForm(_PlainLabels, allauth_forms.AddEmailForm):  # type: ignore[misc]
    """Add an address."""


class ResetPasswordForm(_PlainLabels, allauth_forms.ResetPasswordForm):  # type: ignore[misc]
    """Ask for a new password."""


class ReauthenticateForm(_PlainLabels, allauth_forms.ReauthenticateForm):  # type: ignore[misc]
    """Enter the password once more."""
