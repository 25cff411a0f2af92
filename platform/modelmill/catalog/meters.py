"""What plugins count, in the words of their authors."""

from dataclasses import dataclass

from modelmill.catalog.models import Plugin


@dataclass(frozen=True, kw_only=True)
class PluginMeters:
    """One plugin's meters: name → the title its author gave it."""

    plugin_id: str
    title: str
    meters: dict[str, str]


def meters_declared() -> list[PluginMeters]:
    """Return the meters of every published plugin's current release, by title. One query."""
    rows = Plugin.objects.filter(release__isnull=False).order_by("title", "id")
    found = rows.values_list("id", "title", "release__manifest__meters")
    return [
        PluginMeters(plugin_id=plugin_id, title=title, meters=dict(meters or {}))
        for plugin_id, title, meters in found
    ]


def meter_titles_declared(
    plugins: list[PluginMeters] | None = None,
) -> dict[tuple[str, str], str]:
    """Return the authors' titles by (meter, plugin id). One query, or none with ``plugins``."""
    return {
        (meter, plugin.plugin_id): title
        for plugin in (meters_declared() if plugins is None else plugins)
        for meter, title in plugin.meters.items()
    }
