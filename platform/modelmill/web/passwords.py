"""What is asked of a password, in our languages."""

from django.contrib.auth.password_validation import MinimumLengthValidator
from django.utils.translation import ngettext


class MinimumLength(MinimumLengthValidator):
    """So many characters at least; Django's own sentence has no Chinese."""

    def get_error_message(self) -> str:
        """Say what is wrong with a password that is too short."""
        return ngettext(
            "This password is too short. It must have at least %(count)d character.",
            "This password is too short. It must have at least %(count)d characters.",
            self.min_length,
        ) % {"count": self.min_length}
