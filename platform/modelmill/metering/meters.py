"""What each meter counts, in words and in units that people read."""

from dataclasses import dataclass
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

_KIB = 1024
_MINUTE_MS = 60_000
_HOUR_MS = 3_600_000


@dataclass(frozen=True)
class Meter:
    """A meter the platform itself counts; a plugin may count others by its own names."""

    code: str
    title: str | Promise


METERS: Final = {
    meter.code: meter
    for meter in (
        Meter("cpu_ms", gettext_lazy("CPU time")),
        Meter("gpu_ms", gettext_lazy("GPU time")),
        Meter("images", gettext_lazy("Images")),
        Meter("tokens_in", gettext_lazy("Tokens read")),
        Meter("tokens_out", gettext_lazy("Tokens written")),
        Meter("requests", gettext_lazy("Requests")),
        Meter("api_requests", gettext_lazy("API requests")),
        Meter("byte_hours", gettext_lazy("Storage")),
    )
}


def meter_title(code: str) -> str:
    """Name a meter of the platform in the current language; any other by its code."""
    meter = METERS.get(code)
    return str(meter.title) if meter else code


def quantity_text(code: str, qty: int) -> str:
    """Write a quantity for people: ``5 min 12.345 s``, ``1,204``, ``3.20 GiB × 1 h``."""
    if code.endswith("_ms"):
        return _duration_text(qty)
    if code == "byte_hours":
        return _byte_hours_text(qty)
    return f"{qty:,}"


def _duration_text(qty_ms: int) -> str:
    hours, rest = divmod(qty_ms, _HOUR_MS)
    minutes, rest = divmod(rest, _MINUTE_MS)
    seconds, ms = divmod(rest, 1000)
    seconds_text = _("%(seconds)s s") % {"seconds": f"{seconds}.{ms:03d}"}
    if hours:
        whole = _("%(hours)s h %(minutes)s min") % {"hours": f"{hours:,}", "minutes": minutes}
        return f"{whole} {seconds_text}"
    if minutes:
        whole = _("%(minutes)s min") % {"minutes": minutes}
        return f"{whole} {seconds_text}"
    return seconds_text


def _byte_hours_text(qty: int) -> str:
    unit, size = "B", 1
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if qty < size * _KIB:
            break
        unit, size = larger, size * _KIB
    hundredths = qty * 100 // size
    amount = f"{hundredths // 100:,}.{hundredths % 100:02d} {unit}"
    return _("%(amount)s × 1 h") % {"amount": amount}
