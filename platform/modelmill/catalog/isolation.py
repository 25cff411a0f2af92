"""The level of isolation that the operator chose for each plugin."""

from typing import Literal

from django.conf import settings

Level = Literal["L1", "L2"]

EVERY_PLUGIN = "*"


def plugin_level(plugin_id: str) -> Level:
    """Return a plugin's level: L1 is every fence that the kernel has, L2 those and bubblewrap."""
    chosen = settings.PLUGINS_L2
    return "L2" if plugin_id in chosen or EVERY_PLUGIN in chosen else "L1"
