"""The catalog's reads."""

from datetime import timedelta
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from modelmill.catalog.audience import plan_codes
from modelmill.catalog.models import Offer, PlanOffer, Plugin, Quarantined, Release
from modelmill.catalog.releases import releases_newest_first
from modelmill.catalog.versions import version_loads
from modelmill.core.errors import Conflict, NotFound


def plugin_list() -> QuerySet[Plugin]:
    """Return the plugins the tenant in scope may use, with their current releases."""
    offers = Offer.objects.filter(plugin=OuterRef("pk"))
    plan_offers = PlanOffer.objects.filter(plugin=OuterRef("pk"), plan_code__in=plan_codes())
    is_on = _decided(offers, _decided(plan_offers, Q(is_enabled=True)))
    return (
        Plugin.objects.select_related("release")
        .filter(is_on, state=Plugin.State.AVAILABLE, release__isnull=False)
        .order_by("title", "id")
    )


def access_plugin(plugin_id: str) -> Plugin:
    """Return one plugin the tenant in scope may use, or raise ``NotFound``."""
    plugin = plugin_list().filter(pk=plugin_id).first()
    if plugin is None:
        if Plugin.objects.filter(pk=plugin_id).exists():
            raise NotFound(
                f"The plugin {plugin_id!r} is not available to you now. GET /v1/plugins lists "
                "those you can use; ask the operator if you need this one.",
                code="plugin_not_available",
                param="model",
            )
        raise NotFound(
            f"There is no model or plugin {plugin_id!r} here. GET /v1/models lists those you "
            "can use.",
            code="model_not_found",
            param="model",
        )
    return plugin


def plugin_predict_check(plugin: Plugin) -> None:
    """Raise ``NotFound`` when models of a plugin that the tenant may not use stopped as well."""
    if not plugin.keeps_predicting:
        access_plugin(plugin.pk)


def release_for(plugin_id: str) -> Release:
    """Return the release a new job of this plugin would use, or raise ``NotFound``."""
    release = access_plugin(plugin_id).release
    assert release is not None
    return release


def release_to_load(release: Release) -> Release:
    """Return the release that is to load a model which ``release`` made.

    The one that made it while it is installed; else the newest that can read its models. Raises
    ``Conflict`` (``model_needs_release``), which says what the operator must install.
    """
    if release.is_runnable:
        return release
    others = releases_newest_first(
        Release.objects.filter(
            plugin_id=release.plugin_id, state=Release.State.INSTALLED, doubt="", is_enabled=True
        )
    )
    for other in others:
        if version_loads(other.manifest, release.version):
            return other
    raise Conflict(
        _needs(release, others[0] if others else None), code="model_needs_release", param="model"
    )


def release_to_train(release: Release, *, is_begun: bool) -> Release:
    """Return the release for the next attempt at a job that was submitted for ``release``.

    The plugin's current one; a training that has begun goes on with its own while that is there,
    whose checkpoints it can read.
    """
    if is_begun and release.is_runnable:
        return release
    return release.plugin.release or release


def access_release(release_id: str) -> Release:
    """Return one release, for the operator, or raise ``NotFound``."""
    release = Release.objects.select_related("plugin").filter(pk=release_id).first()
    if release is None:
        raise NotFound(f"There is no release {release_id!r}.")
    return release


def plan_decisions(plugin: Plugin) -> dict[str, bool]:
    """Return the operator's decisions about a plugin by plan, for the operator."""
    return dict(plugin.plan_offers.values_list("plan_code", "is_enabled"))


def tenant_decisions() -> dict[str, bool]:
    """Return the operator's decisions about the tenant in scope by plugin, for the operator."""
    return dict(Offer.objects.values_list("plugin_id", "is_enabled"))


def release_list(plugin: Plugin) -> list[Release]:
    """Return every release of a plugin ever seen, newest first, for the operator."""
    return releases_newest_first(plugin.releases.all())


def plugin_list_all() -> QuerySet[Plugin]:
    """Return every plugin ever seen, for the operator."""
    return Plugin.objects.select_related("release").order_by("title", "id")


def quarantined_list() -> QuerySet[Quarantined]:
    """Return the entry points that broke at the last look, for the operator."""
    return Quarantined.objects.order_by("python", "distribution", "entry_point")


def quarantine_is_older(age_s: float) -> bool:
    """Say whether something is in quarantine that nobody has looked at for so long."""
    before = timezone.now() - timedelta(seconds=age_s)
    return Quarantined.objects.filter(seen_at__lt=before).exists()


def release_doubted_list() -> QuerySet[Release]:
    """Return the installed releases that wait for the operator's word."""
    return (
        Release.objects.select_related("plugin")
        .filter(state=Release.State.INSTALLED)
        .exclude(doubt="")
        .order_by("plugin_id", "version")
    )


def _decided(offers: QuerySet[Any], otherwise: Q) -> Q:
    """On when an offer says so, off when one says that, and else ``otherwise``."""
    is_on, is_off = Exists(offers.filter(is_enabled=True)), Exists(offers.filter(is_enabled=False))
    return Q(is_on) | (~Q(is_off) & otherwise)


def _needs(release: Release, newest: Release | None) -> str:
    named = {"title": release.title, "version": release.version}
    if release.doubt:
        return (
            _(
                "This model was made with %(title)s %(version)s, whose files the operator has to "
                "confirm first. Ask the operator to look at it in the cockpit."
            )
            % named
        )
    if newest is None:
        return (
            _(
                "This model was made with %(title)s %(version)s, which is not installed any more. "
                "Ask the operator to install that release again."
            )
            % named
        )
    return _(
        "This model was made with %(title)s %(version)s, which is not installed any more, and "
        "%(newer)s does not read its models. Ask the operator to install that release beside "
        "it, or train the model again."
    ) % {**named, "newer": newest.version}
