"""The catalog's writes."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.db import transaction

from modelmill.catalog.models import Offer, Plugin, Quarantined, Release
from modelmill.core.scope import current_tenant_id


def manifest_publish(manifest: Mapping[str, Any]) -> Release:
    """Store a plugin's manifest as a release and make it the current one.

    The same plugin, version and digest again returns the release that exists;
    going back to an older version is a publish of that version.
    """
    plugin_id = str(manifest["plugin_id"])
    title = str(manifest["title"])
    with transaction.atomic():
        plugin, _new = Plugin.objects.get_or_create(id=plugin_id, defaults={"title": title})
        release, _new = Release.objects.get_or_create(
            plugin=plugin,
            version=str(manifest["version"]),
            digest=str(manifest["digest"]),
            defaults={
                "distribution": manifest.get("distribution", ""),
                "entry_point": manifest.get("entry_point", ""),
                "manifest": dict(manifest),
            },
        )
        changes = {"title": title, "state": Plugin.State.AVAILABLE, "release_id": release.id}
        if any(getattr(plugin, name) != value for name, value in changes.items()):
            Plugin.objects.filter(pk=plugin_id).update(**changes)
    return release


def plugin_quarantine(*, entry_point: str, distribution: str, traceback: str) -> Quarantined:
    """Note an entry point that broke; its plugins that were known before stop being offered."""
    with transaction.atomic():
        broken, _new = Quarantined.objects.update_or_create(
            entry_point=entry_point, distribution=distribution, defaults={"traceback": traceback}
        )
        Plugin.objects.filter(
            release__entry_point=entry_point, release__distribution=distribution
        ).update(state=Plugin.State.MISSING)
    return broken


def catalog_sync(
    manifests: Iterable[Mapping[str, Any]], *, broken: Iterable[Mapping[str, str]] = ()
) -> list[Release]:
    """Make the rows say what one look at the installation found, all or nothing.

    Plugins that were not found are marked missing and keep their releases, for
    the models made with them; entry points that work again leave quarantine.
    """
    with transaction.atomic():
        releases = [manifest_publish(manifest) for manifest in manifests]
        found = [release.plugin_id for release in releases]
        Plugin.objects.exclude(id__in=found).update(state=Plugin.State.MISSING)
        kept = [plugin_quarantine(**_broken(item)).pk for item in broken]
        Quarantined.objects.exclude(pk__in=kept).delete()
    return releases


def plugin_enable(plugin: Plugin, *, is_enabled: bool) -> Plugin:
    """Turn a plugin on or off for every tenant without an offer of its own."""
    plugin.is_enabled = is_enabled
    plugin.save(update_fields=["is_enabled"])
    return plugin


def offer_set(plugin: Plugin, *, is_enabled: bool) -> Offer:
    """Turn a plugin on or off for the tenant in scope, whatever its own switch says."""
    offer, _new = Offer.objects.update_or_create(
        tenant_id=current_tenant_id(), plugin=plugin, defaults={"is_enabled": is_enabled}
    )
    return offer


def _broken(item: Mapping[str, str]) -> dict[str, str]:
    return {name: item[name] for name in ("entry_point", "distribution", "traceback")}
