"""How customers add money, in the operator's own words."""

from django.conf import settings
from django.utils.translation import get_language
from django.utils.translation import gettext as _


def payment_text() -> str:
    """Return what the operator says of paying, in the reader's language; "" when nothing."""
    texts: dict[str, str] = settings.PAYMENT_TEXTS
    return (
        texts.get(get_language() or "en") or texts["en"] or next(filter(None, texts.values()), "")
    )


def payment_guide() -> str:
    """Return how to add money; without the operator's words, whom to ask."""
    asked = _("Ask %(operator)s how to add money to your balance.")
    return payment_text() or asked % {"operator": settings.OPERATOR_NAME}


def with_payment_text(refusal: str) -> str:
    """Add to a refusal for want of money how to add some, in one line."""
    return " ".join([refusal, *payment_text().split()])
