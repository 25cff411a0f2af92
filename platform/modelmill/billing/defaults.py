"""The prices and the plan an installation begins with; the operator publishes better ones."""

from datetime import UTC, datetime
from typing import Final

from django.utils.translation import gettext_noop

from modelmill.billing.rating import Rate
from modelmill.core.money import MICRO

_HOUR_MS: Final = 3_600_000
_GIB: Final = 1 << 30
# A month of storage is 730 hours, as the large providers count it.
_MONTH_HOURS: Final = 730

CURRENCY: Final = "USD"
EFFECTIVE_FROM: Final = datetime(2026, 1, 1, tzinfo=UTC)
PLAN_CODE: Final = "starter"
PLAN_TITLE: Final = "Starter"
WELCOME_MICRO: Final = 10 * MICRO

RATES: Final[dict[tuple[str, str], Rate]] = {
    ("cpu_ms", ""): Rate(amount_micro=240_000, per=_HOUR_MS, title=gettext_noop("per hour")),
    ("gpu_ms", ""): Rate(amount_micro=2_400_000, per=_HOUR_MS, title=gettext_noop("per hour")),
    ("images", ""): Rate(amount_micro=2_000, per=1, title=gettext_noop("each")),
    ("tokens_in", ""): Rate(amount_micro=200_000, per=MICRO, title=gettext_noop("per million")),
    ("tokens_out", ""): Rate(amount_micro=600_000, per=MICRO, title=gettext_noop("per million")),
    ("requests", ""): Rate(amount_micro=100_000, per=1_000, title=gettext_noop("per thousand")),
    ("byte_hours", ""): Rate(
        amount_micro=100_000, per=_GIB * _MONTH_HOURS, title=gettext_noop("per GiB and month")
    ),
}
