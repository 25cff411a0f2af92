"""Discovery: the installed plugins, found by pluggy through their entry points."""

from collections.abc import Sequence
from importlib import metadata
from importlib.metadata import EntryPoint, entry_points

import pluggy

from modelmill_sdk import hookspecs
from modelmill_sdk.errors import ManifestError, PluginChanged, PluginMissing
from modelmill_sdk.origins import source_digest
from modelmill_sdk.plugin import Plugin


def entry_points_found() -> list[EntryPoint]:
    """List the entry points of the group "modelmill", imported or not, always in one order."""
    found = entry_points(group=hookspecs.GROUP)
    return sorted(found, key=lambda point: (distribution_name(point), point.name))


def entry_points_named(distribution: str) -> Sequence[EntryPoint]:
    """List a distribution's entry points of the group "modelmill"; none if it is not installed."""
    try:
        return list(metadata.distribution(distribution).entry_points.select(group=hookspecs.GROUP))
    except metadata.PackageNotFoundError:
        return []


def distribution_name(entry_point: EntryPoint) -> str:
    """Name the distribution that brought an entry point."""
    return entry_point.dist.name if entry_point.dist else ""


def plugins_load(entry_point: EntryPoint) -> list[type[Plugin]]:
    """Import one entry point and ask it for its classes.

    Each entry point has a plugin manager of its own, so that a broken one harms no other. Raises
    whatever the import raises, and ManifestError if no class was registered.
    """
    found: list[type[Plugin]] = []
    plugins = pluggy.PluginManager(hookspecs.GROUP)
    plugins.add_hookspecs(hookspecs)
    plugins.register(entry_point.load(), name=entry_point.name)
    plugins.check_pending()
    plugins.hook.register_models(register=found.append)
    if not found:
        raise ManifestError(
            f"{entry_point.value} registers no plugin: it needs a register_models(register), "
            "marked with @hookimpl, that calls register(PluginClass)."
        )
    return found


def plugin_find(
    plugin_id: str, *, entry_point: str = "", distribution: str = "", digest: str = ""
) -> Plugin:
    """Make an instance of an installed plugin.

    With an entry point's name, and its distribution's, no other is imported: a host needs one
    plugin and not all. With a digest the files are compared first, before any of them runs.

    Raises PluginMissing if none has the id; entry points that fail to import are named in it.
    Raises PluginChanged if the files are not those of the digest.
    """
    broken: list[str] = []
    # Reading what every installed distribution declares takes longer than importing many a plugin.
    for point in entry_points_named(distribution) if distribution else entry_points_found():
        if entry_point not in {"", point.name}:
            continue
        _digest_check(point, digest)
        try:
            classes = plugins_load(point)
        except (Exception, SystemExit) as error:
            # Quarantine: somebody else's broken plugin must not stop this one.
            broken.append(f"{point.name} ({error!r})")
            continue
        for plugin in classes:
            if getattr(plugin, "id", None) == plugin_id:
                return plugin()
    also = f" These could not be imported: {', '.join(broken)}." if broken else ""
    raise PluginMissing(f"No plugin {plugin_id!r} is installed here.{also}")


def _digest_check(entry_point: EntryPoint, digest: str) -> None:
    if digest and source_digest(entry_point.module) != digest:
        raise PluginChanged(
            f"The files of {distribution_name(entry_point) or entry_point.value} have changed since"
            " the platform described them. Install the release again, or let it be described anew."
        )
