"""Making the catalog's rows say which plugins this installation has."""

from typing import Any

from celery import shared_task
from django.conf import settings
from modelmill.catalog.services import catalog_sync

from workers.hosts import HostDied, describe_plugins
from workers.releases import environments_found


@shared_task(name="workers.tasks.catalog.describe")
def describe() -> int:
    """Describe every installed plugin, each environment in a process of its own, and publish it.

    An environment that cannot be looked at is in quarantine itself, and the others go on.
    """
    manifests: list[dict[str, Any]] = []
    broken: list[dict[str, str]] = []
    for python in (None, *environments_found()):
        place = {"python": str(python or "")}
        try:
            found = describe_plugins(
                python=python, python_paths=() if python else tuple(settings.PLUGIN_PATHS)
            )
        except HostDied as death:
            said = f"{death}\n{death.stderr_tail}"
            broken.append({"entry_point": "", "distribution": "", "traceback": said, **place})
            continue
        manifests += [{**item.model_dump(mode="json"), **place} for item in found.items]
        broken += [{**item.model_dump(), **place} for item in found.broken]
    return len(catalog_sync(manifests, broken=broken))
