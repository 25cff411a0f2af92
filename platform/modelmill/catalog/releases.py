"""A plugin's releases: noted as they are found, doubted when they should be, the newest chosen."""

from collections.abc import Iterable, Mapping
from typing import Any

from modelmill.catalog.models import Plugin, Release
from modelmill.catalog.versions import version_key

# What a manifest says of the machine and not of the plugin's files, so that it may change under
# one digest: where it lies, whether it may change there, and which base models the operator has
# installed for it, those among them that it cannot use.
_CHANGES: dict[str, Any] = {
    "location": "",
    "is_editable": False,
    "installed": [],
    "left_out": [],
    "offered": {},
}


def release_note(manifest: Mapping[str, Any], *, python: str = "") -> Release:
    """Write down that a release is installed, and return it.

    A plugin, version and digest is one release, wherever it is found; of two places the one noted
    first is kept while it is there. A new one that claims to be an old one is doubted.
    """
    plugin, _new = Plugin.objects.get_or_create(
        id=str(manifest["plugin_id"]), defaults={"title": str(manifest["title"])}
    )
    key = {"version": str(manifest["version"]), "digest": str(manifest["digest"])}
    known = list(Release.objects.filter(plugin=plugin))
    release = next((one for one in known if (one.version, one.digest) == tuple(key.values())), None)
    if release is None:
        return Release.objects.create(
            plugin=plugin,
            **key,
            distribution=manifest.get("distribution", ""),
            entry_point=manifest.get("entry_point", ""),
            manifest=dict(manifest),
            python=python,
            doubt=_doubt(manifest, known),
        )
    release.python, release.state = python, Release.State.INSTALLED
    now = {name: manifest.get(name, none) for name, none in _CHANGES.items()}
    release.manifest = {**release.manifest, **now}
    release.save(update_fields=["python", "state", "manifest"])
    return release


def release_choose(plugins: Iterable[Plugin]) -> None:
    """Make each plugin's current release the newest one that may train, or none."""
    for plugin in plugins:
        installed = [one for one in plugin.releases.all() if one.is_runnable]
        enabled = [one for one in installed if one.is_enabled]
        current = max(enabled, key=_age, default=None)
        state = Plugin.State.AVAILABLE if installed else Plugin.State.MISSING
        changes: dict[str, Any] = {"state": state, "release_id": current and current.id}
        if current is not None:
            changes["title"] = str(current.manifest["title"])
        if any(getattr(plugin, name) != value for name, value in changes.items()):
            Plugin.objects.filter(pk=plugin.pk).update(**changes)


def releases_newest_first(releases: Iterable[Release]) -> list[Release]:
    """Sort releases by version, and equal versions by when they were first seen."""
    return sorted(releases, key=_age, reverse=True)


def _age(release: Release) -> tuple[Any, ...]:
    return (*version_key(release.version)[:3], release.published_at)


def _doubt(manifest: Mapping[str, Any], known: list[Release]) -> Release.Doubt:
    """Tell what is suspicious about a release that is new to us."""
    distribution = manifest.get("distribution", "")
    # One that is doubted for its name does not own it, or its next version would be trusted.
    trusted = [one for one in known if one.doubt != Release.Doubt.DISTRIBUTION]
    owners = {one.distribution for one in trusted if one.distribution}
    if distribution and owners and distribution not in owners:
        return Release.Doubt.DISTRIBUTION
    # Whoever installed it as editable said that its files will change.
    sealed = [one for one in trusted if not one.manifest.get("is_editable")]
    if not manifest.get("is_editable") and any(
        one.version == manifest["version"] for one in sealed
    ):
        return Release.Doubt.DIGEST
    return Release.Doubt.NONE
