"""Making the catalog's rows say which plugins this installation has."""

from collections.abc import Iterable
from typing import Any

import structlog
from celery import shared_task
from django.conf import settings
from modelmill.catalog.pictures import picture_store
from modelmill.catalog.selectors import quarantine_is_older
from modelmill.catalog.services import catalog_sync
from modelmill_sdk.manifest import Manifest
from modelmill_sdk.texts import text_clean

from workers.hosts import HostDied, describe_plugins
from workers.isolation import strictest_isolation
from workers.releases import environments_fingerprint, environments_found

EVERY_S = {"workers.tasks.catalog.watch": 60.0}

# What is broken may be mended without being installed anew: a library that was missing, say.
_AGAIN_S = 300.0

_looked_at: set[str] = set()
logger = structlog.get_logger(__name__)


@shared_task(name="workers.tasks.catalog.watch")
def watch() -> bool:
    """Look again where something was installed or removed, or while something is in quarantine."""
    seen = environments_fingerprint()
    is_changed = bool(_looked_at) and seen not in _looked_at
    is_due = is_changed or quarantine_is_older(_AGAIN_S)
    if is_due:
        describe()
    # Only now: a look that failed is taken again.
    _looked_at.clear()
    _looked_at.add(seen)
    return is_due


@shared_task(name="workers.tasks.catalog.describe")
def describe() -> int:
    """Describe every installed plugin, each in a process of its own, and publish it.

    An environment that cannot be looked at is in quarantine itself, and the others go on.
    """
    manifests: list[dict[str, Any]] = []
    broken: list[dict[str, str]] = []
    for python in (None, *environments_found()):
        place = {"python": str(python or "")}
        try:
            found = describe_plugins(
                python=python,
                python_paths=() if python else tuple(settings.PLUGIN_PATHS),
                isolation=strictest_isolation(),
            )
        except HostDied as death:
            said = text_clean(f"{death}\n{death.stderr_tail}")
            broken.append({"entry_point": "", "distribution": "", "traceback": said, **place})
            continue
        for content in found.pictures.values():
            picture_store(content)
        _left_out_log(found.items)
        manifests += [{**item.model_dump(mode="json"), **place} for item in found.items]
        broken += [{**item.model_dump(), **place} for item in found.broken]
    releases = catalog_sync(manifests, broken=broken)
    logger.info("catalog.described", releases=len(releases), broken=len(broken))
    return len(releases)


def _left_out_log(items: Iterable[Manifest]) -> None:
    """Tell the operator which base models no customer is offered, and why."""
    for item in items:
        for one in item.left_out:
            logger.warning(
                "catalog.base_left_out",
                plugin=item.plugin_id,
                folder=one.folder,
                reason=one.reason,
            )
