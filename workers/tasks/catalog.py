"""Making the catalog's rows say which plugins this installation has."""

from celery import shared_task
from django.conf import settings
from modelmill.catalog.services import catalog_sync

from workers.hosts import describe_plugins


@shared_task(name="workers.tasks.catalog.describe")
def describe() -> int:
    """Describe every installed plugin in a child process and publish what it said."""
    found = describe_plugins(python_paths=tuple(settings.PLUGIN_PATHS))
    releases = catalog_sync(
        (manifest.model_dump(mode="json") for manifest in found.items),
        broken=[item.model_dump() for item in found.broken],
    )
    return len(releases)
