"""What a meter is called, wherever people read of it."""

from collections.abc import Iterable

from modelmill.catalog.meters import PluginMeters, meters_declared
from modelmill.metering.meters import METERS, meter_title


class MeterTitles:
    """The names of all meters, in the language that is read when it is made.

    A plugin's meter is called as its author calls it, and translated by the author too. One
    query, or none where ``plugins`` are at hand.
    """

    def __init__(self, plugins: Iterable[PluginMeters] | None = None) -> None:
        self._plugins = {
            one.plugin_id: one for one in (meters_declared() if plugins is None else plugins)
        }

    def of(self, meter: str, plugin_id: str) -> str:
        """Name a meter as one plugin calls it; one that it does not declare as all do."""
        plugin = self._plugins.get(plugin_id)
        declared = plugin.meters.get(meter) if plugin else None
        return plugin.told(declared) if plugin and declared else self.any(meter)

    def plugin(self, plugin_id: str) -> str:
        """Name a plugin as its author does; one that is not offered any more by its id."""
        found = self._plugins.get(plugin_id)
        return found.title if found else plugin_id

    def any(self, meter: str) -> str:
        """Name a meter whichever plugin counts it: as we do, else as the first that counts it."""
        if meter not in METERS:
            for plugin in self._plugins.values():
                if meter in plugin.meters:
                    return plugin.told(plugin.meters[meter])
        return meter_title(meter)

    def frozen(self, title: str, *, meter: str, plugin_id: str) -> str:
        """Name a meter as a document that was closed does, in the reader's language.

        The document keeps its author's English ``title``, and that never changes; a translation
        is only another way to read it. Without a title it is named as it is today.
        """
        plugin = self._plugins.get(plugin_id)
        if not title:
            return self.of(meter, plugin_id)
        return plugin.told(title) if plugin else title

    def meters(self) -> list[str]:
        """Return every meter there is: ours, then what plugins count."""
        declared = (meter for plugin in self._plugins.values() for meter in plugin.meters)
        return list(dict.fromkeys([*METERS, *declared]))
