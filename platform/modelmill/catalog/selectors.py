"""The catalog's reads."""

from django.db.models import Exists, OuterRef, Q, QuerySet

from modelmill.catalog.models import Offer, Plugin, Quarantined, Release
from modelmill.core.errors import NotFound


def plugin_list() -> QuerySet[Plugin]:
    """Return the plugins the tenant in scope may use, with their current releases."""
    offers = Offer.objects.filter(plugin=OuterRef("pk"))
    is_on = Q(Exists(offers.filter(is_enabled=True))) | (
        Q(is_enabled=True) & ~Q(Exists(offers.filter(is_enabled=False)))
    )
    return (
        Plugin.objects.select_related("release")
        .filter(is_on, state=Plugin.State.AVAILABLE, release__isnull=False)
        .order_by("title", "id")
    )


def access_plugin(plugin_id: str) -> Plugin:
    """Return one plugin the tenant in scope may use, or raise ``NotFound``."""
    plugin = plugin_list().filter(pk=plugin_id).first()
    if plugin is None:
        raise NotFound(
            f"There is no plugin {plugin_id!r} here. GET /v1/plugins lists those you can use.",
            code="model_not_found",
            param="model",
        )
    return plugin


def release_for(plugin_id: str) -> Release:
    """Return the release a new job of this plugin would use, or raise ``NotFound``."""
    release = access_plugin(plugin_id).release
    assert release is not None
    return release


def plugin_list_all() -> QuerySet[Plugin]:
    """Return every plugin ever seen, for the operator."""
    return Plugin.objects.select_related("release").order_by("title", "id")


def quarantined_list() -> QuerySet[Quarantined]:
    """Return the entry points that broke at the last look, for the operator."""
    return Quarantined.objects.order_by("distribution", "entry_point")
