"""Quantities as people read them."""

import pytest
from django.utils import translation
from modelmill.catalog.meters import PluginMeters
from modelmill.metering.meters import meter_title, quantity_text
from modelmill.metering.titles import MeterTitles

TITLES = MeterTitles(
    [
        PluginMeters(
            plugin_id="poet",
            title="Poet",
            meters={"verses": "Verses written", "images": "Pictures drawn"},
            texts={"Verses written": "诗行"},
        ),
        PluginMeters(plugin_id="bard", title="Bard", meters={"verses": "Verses sung"}),
    ]
)


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


@pytest.mark.parametrize(
    ("meter", "plugin_id", "title"),
    [
        ("verses", "poet", "诗行"),
        ("verses", "bard", "Verses sung"),
        ("images", "poet", "Pictures drawn"),
        ("images", "bard", "Images"),
        ("verses", "gone", "诗行"),
        ("verses", "", "诗行"),
        ("images", "", "Images"),
        ("sparks", "poet", "sparks"),
    ],
)
def test_a_meter_is_called_as_its_plugin_calls_it_else_as_all_do(meter, plugin_id, title) -> None:
    with translation.override("en"):
        assert TITLES.of(meter, plugin_id) == title


@pytest.mark.parametrize(
    ("frozen", "plugin_id", "title"),
    [
        ("Verses written", "poet", "诗行"),
        ("Lines of old", "poet", "Lines of old"),
        ("Verses written", "gone", "Verses written"),
        ("", "bard", "Verses sung"),
    ],
)
def test_what_was_frozen_stays_unless_its_plugin_translates_it(frozen, plugin_id, title) -> None:
    assert TITLES.frozen(frozen, meter="verses", plugin_id=plugin_id) == title


def test_the_meters_there_are_have_ours_first_and_each_once() -> None:
    assert TITLES.meters()[0] == "cpu_ms" and TITLES.meters()[-1] == "verses"
    assert len(set(TITLES.meters())) == len(TITLES.meters())
