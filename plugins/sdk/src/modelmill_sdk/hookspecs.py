"""The hooks: the whole list of what the platform may ask of an installed plugin module.

1. ``register_models``: name the plugin classes of this module.
"""

from collections.abc import Callable

import pluggy

from modelmill_sdk.plugin import Plugin

GROUP = "modelmill"

hookspec = pluggy.HookspecMarker(GROUP)
hookimpl = pluggy.HookimplMarker(GROUP)


@hookspec
def register_models(register: Callable[[type[Plugin]], None]) -> None:
    """Call ``register(PluginClass)`` once for each plugin class of the module."""
