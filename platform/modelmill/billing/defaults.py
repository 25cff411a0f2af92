"""The prices and the plan an installation begins with; the operator publishes better ones."""

from datetime import UTC, datetime
from typing import Final

from modelmill.billing.rating import Rate
from modelmill.billing.units import unit_of
from modelmill.core.money import MICRO

CURRENCY: Final = "USD"
EFFECTIVE_FROM: Final = datetime(2026, 1, 1, tzinfo=UTC)
PLAN_CODE: Final = "starter"
PLAN_TITLE: Final = "Starter"
WELCOME_MICRO: Final = 10 * MICRO


def _rate(meter: str, amount_micro: int) -> Rate:
    unit = unit_of(meter)
    return Rate(amount_micro=amount_micro, per=unit.per, title=unit.title)


RATES: Final[dict[tuple[str, str], Rate]] = {
    ("cpu_ms", ""): _rate("cpu_ms", 240_000),
    ("gpu_ms", ""): _rate("gpu_ms", 2_400_000),
    ("images", ""): _rate("images", 2_000),
    ("tokens_in", ""): _rate("tokens_in", 200_000),
    ("tokens_out", ""): _rate("tokens_out", 600_000),
    ("requests", ""): _rate("requests", 100_000),
    ("byte_hours", ""): _rate("byte_hours", 100_000),
    # What our own plugins count beside these. To look at a picture is less work than to make one.
    ("images", "image-classification"): _rate("images", 500),
    ("recommendations", ""): _rate("recommendations", 100_000),
    ("rows", ""): _rate("rows", 100_000),
    ("texts", ""): _rate("texts", 200_000),
}
