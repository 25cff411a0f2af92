"""The catalog's writes."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from django.db import transaction

from modelmill.catalog.models import Offer, PlanOffer, Plugin, Quarantined, Release
from modelmill.catalog.releases import release_choose, release_note
from modelmill.catalog.schemas import manifest_problem
from modelmill.core.scope import current_tenant_id


def manifest_publish(manifest: Mapping[str, Any], *, python: str = "") -> Release:
    """Store a plugin's manifest as a release; the newest that is installed becomes the current one.

    ``python`` is the interpreter of the environment it was found in, empty for the workers' own.
    The same plugin, version and digest again returns the release that exists.
    """
    with transaction.atomic():
        release = release_note(manifest, python=python)
        release_choose([Plugin.objects.get(pk=release.plugin_id)])
    release.refresh_from_db()
    return release


def plugin_quarantine(
    *,
    entry_point: str,
    distribution: str,
    traceback: str,
    python: str = "",
    whole: Collection[str] = (),
) -> Quarantined:
    """Note an entry point that broke; its plugins that were known before stop being offered.

    But not those of its releases that are ``whole``: one bad class does not hide its sister.
    """
    with transaction.atomic():
        broken, _new = Quarantined.objects.update_or_create(
            entry_point=entry_point,
            distribution=distribution,
            python=python,
            defaults={"traceback": traceback},
        )
        releases = Release.objects.filter(
            entry_point=entry_point, distribution=distribution, python=python
        ).exclude(pk__in=whole)
        plugins = list(Plugin.objects.filter(releases__in=releases).distinct())
        releases.update(state=Release.State.MISSING)
        release_choose(plugins)
    return broken


def catalog_sync(
    manifests: Iterable[Mapping[str, Any]], *, broken: Iterable[Mapping[str, str]] = ()
) -> list[Release]:
    """Make the rows say what one look at the installation found, all or nothing.

    ``manifests`` and ``broken`` may carry the ``python`` of the environment they come from. A
    manifest whose schemas are none joins the broken. What was not found is marked missing and
    keeps its rows, for the models made with it; entry points that work again leave quarantine.
    """
    with transaction.atomic():
        releases: dict[str, Release] = {}
        broken = list(broken)
        for manifest in manifests:
            found = dict(manifest)
            python = found.pop("python", "")
            if problem := manifest_problem(found):
                broken.append({**found, "python": python, "traceback": problem})
            elif _id_of(found) not in {_id_of(one.manifest) for one in releases.values()}:
                release = release_note(found, python=python)
                releases[release.id] = release
        gone = Release.objects.exclude(pk__in=releases).exclude(state=Release.State.MISSING)
        gone.update(state=Release.State.MISSING)
        kept = [plugin_quarantine(**_broken(item), whole=releases).pk for item in broken]
        Quarantined.objects.exclude(pk__in=kept).delete()
        release_choose(Plugin.objects.prefetch_related("releases"))
    return list(releases.values())


def release_enable(release: Release, *, is_enabled: bool) -> Release:
    """Let a release train, or not; the plugin's current release is chosen anew.

    A release that is off still loads the models it made.
    """
    with transaction.atomic():
        release.is_enabled = is_enabled
        release.save(update_fields=["is_enabled"])
        release_choose([Plugin.objects.get(pk=release.plugin_id)])
    return release


def release_trust(release: Release) -> Release:
    """Say that a release's files are what they should be, whatever made them look wrong."""
    with transaction.atomic():
        release.doubt = Release.Doubt.NONE
        release.save(update_fields=["doubt"])
        release_choose([Plugin.objects.get(pk=release.plugin_id)])
    return release


def plugin_enable(plugin: Plugin, *, is_enabled: bool) -> Plugin:
    """Turn a plugin on or off for every tenant without an offer, of its own or of its plan."""
    plugin.is_enabled = is_enabled
    plugin.save(update_fields=["is_enabled"])
    return plugin


def plugin_keep_predicting(plugin: Plugin, *, keeps_predicting: bool) -> Plugin:
    """Say whether models of tenants that may not use the plugin any more still predict."""
    plugin.keeps_predicting = keeps_predicting
    plugin.save(update_fields=["keeps_predicting"])
    return plugin


def offer_set(plugin: Plugin, *, is_enabled: bool | None) -> None:
    """Turn a plugin on or off for the tenant in scope, whatever its plan and the plugin say.

    None takes the decision back.
    """
    if is_enabled is None:
        Offer.objects.filter(plugin=plugin).delete()
    else:
        Offer.objects.update_or_create(
            tenant_id=current_tenant_id(), plugin=plugin, defaults={"is_enabled": is_enabled}
        )


def plan_offer_set(plugin: Plugin, *, plan_code: str, is_enabled: bool | None) -> None:
    """Turn a plugin on or off for the tenants of a plan, whatever its own switch says.

    None takes the decision back.
    """
    if is_enabled is None:
        PlanOffer.objects.filter(plugin=plugin, plan_code=plan_code).delete()
    else:
        PlanOffer.objects.update_or_create(
            plugin=plugin, plan_code=plan_code, defaults={"is_enabled": is_enabled}
        )


def _broken(item: Mapping[str, str]) -> dict[str, str]:
    names = ("entry_point", "distribution", "traceback")
    return {"python": item.get("python", ""), **{name: item[name] for name in names}}


def _id_of(manifest: Mapping[str, Any]) -> tuple[Any, ...]:
    return (manifest["plugin_id"], manifest["version"], manifest["digest"])
