"""What plugins count, in the words of their authors."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from modelmill.catalog.models import Plugin
from modelmill.catalog.texts import reader_text, reader_texts


@dataclass(frozen=True, kw_only=True)
class PluginMeters:
    """One plugin's meters: name → the title its author gave it, in English.

    ``texts`` has what its author translated into the reader's language.
    """

    plugin_id: str
    title: str
    meters: dict[str, str]
    texts: Mapping[str, str] = field(default_factory=dict)

    def told(self, sentence: str) -> str:
        """Return one of the author's sentences in the reader's language, else as it is."""
        return self.texts.get(sentence, sentence)


def meters_declared() -> list[PluginMeters]:
    """Return the meters of every published plugin's current release, by title. One query."""
    rows = Plugin.objects.filter(release__isnull=False).order_by("title", "id")
    # Two columns of a manifest, and not all of it: it carries the plugin's card and schemas too.
    found = rows.values_list("id", "title", "release__manifest__meters", "release__manifest__texts")
    plugins = []
    for plugin_id, title, meters, translations in found:
        texts = reader_texts({"texts": translations or {}})
        plugins.append(
            PluginMeters(
                plugin_id=plugin_id,
                title=texts.get(title, title),
                meters=dict(meters or {}),
                texts=texts,
            )
        )
    return plugins


def meter_titles_declared() -> dict[tuple[str, str], str]:
    """Return the authors' own titles, in English, by (meter, plugin id). One query."""
    return {
        (meter, plugin.plugin_id): title
        for plugin in meters_declared()
        for meter, title in plugin.meters.items()
    }


def meters_told(manifest: Mapping[str, Any]) -> dict[str, str]:
    """Name what a plugin counts, in the reader's language where its author brought it."""
    meters = manifest.get("meters") or {}
    return {meter: reader_text(manifest, title) for meter, title in meters.items()}
