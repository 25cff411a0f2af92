"""Quantities as people read them."""

import pytest
from django.utils import translation
from modelmill.metering.meters import meter_title, quantity_text


@pytest.mark.parametrize(
    ("meter", "qty", "text"),
    [
        ("cpu_ms", 0, "0.000 s"),
        ("cpu_ms", 59_999, "59.999 s"),
        ("gpu_ms", 312_345, "5 min 12.345 s"),
        ("gpu_ms", 3_600_000 * 1_234 + 61_001, "1,234 h 1 min 1.001 s"),
        ("images", 1_204, "1,204"),
        ("sparks", 7, "7"),
        ("byte_hours", 999, "999.00 B × 1 h"),
        ("byte_hours", 3 << 30, "3.00 GiB × 1 h"),
        ("byte_hours", 5 << 50, "5,120.00 TiB × 1 h"),
    ],
)
def test_a_quantity_reads_well(meter, qty, text) -> None:
    with translation.override("en"):
        assert quantity_text(meter, qty) == text


def test_an_unknown_meter_has_its_code_for_a_name() -> None:
    with translation.override("en"):
        assert (meter_title("images"), meter_title("sparks")) == ("Images", "sparks")
