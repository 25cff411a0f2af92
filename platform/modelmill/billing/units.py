"""What a price is for: an hour, a thousand, a gibibyte kept for a month."""

from dataclasses import dataclass
from typing import Final

from django.utils.translation import gettext_noop

from modelmill.core.money import MICRO

_HOUR_MS: Final = 3_600_000
_GIB: Final = 1 << 30
# A month of storage is 730 hours, as the large providers count it.
_MONTH_HOURS: Final = 730


@dataclass(frozen=True, kw_only=True)
class Unit:
    """``per`` units of a meter, in words; ``ten`` is ten of them, where no number says it."""

    per: int
    title: str
    ten: str = ""


HOUR: Final = Unit(per=_HOUR_MS, title=gettext_noop("per hour"), ten=gettext_noop("10 hours"))
EACH: Final = Unit(per=1, title=gettext_noop("each"))
THOUSAND: Final = Unit(per=1_000, title=gettext_noop("per thousand"))
MILLION: Final = Unit(per=MICRO, title=gettext_noop("per million"))
GIB_MONTH: Final = Unit(
    per=_GIB * _MONTH_HOURS,
    title=gettext_noop("per GiB and month"),
    ten=gettext_noop("10 GiB for a month"),
)

_OF_METER: Final = {
    "images": EACH,
    "tokens_in": MILLION,
    "tokens_out": MILLION,
    "byte_hours": GIB_MONTH,
}


def unit_of(meter: str) -> Unit:
    """Return what a meter is priced by where no price says otherwise."""
    return _OF_METER.get(meter) or (HOUR if meter.endswith("_ms") else THOUSAND)
