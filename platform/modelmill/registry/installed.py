"""Models that need no training: what the operator installed, as a row of each tenant that asks.

A manifest names them (``installed``). The row is made at the first ask, so that everything that is
true of a model (scope, metering, predictions, deletion of the tenant) is true of these, too; its
only file names the operator's folder, which the plugin's process opens.
"""

import json
from collections.abc import Iterable, Iterator

from django.db import IntegrityError, transaction
from django.utils import timezone

from modelmill.catalog.models import Plugin, Release
from modelmill.catalog.selectors import plugin_list
from modelmill.core.scope import current_tenant_id
from modelmill.core.storage import blob_release, blob_write
from modelmill.registry.models import ModelFile, ModelVersion
from modelmill.registry.naming import installed_name
from modelmill.registry.services import files_digest, model_for, number_next
from modelmill.tenants.models import Tenant

_FILE = "installed.json"
# The plugin itself, without a folder.
_ITSELF = "."


def installed_version(name: str) -> ModelVersion | None:
    """Return the installed model a customer means by ``<plugin>:<folder>``; None if there is none.

    ``<plugin>`` alone is enough where it has one only.
    """
    plugin_id, colon, folder = name.partition(":")
    plugin = plugin_list().filter(pk=plugin_id).first()
    if plugin is None:
        return None
    wanted = [one for one in _folders(plugin) if not colon or one == folder]
    if len(wanted) != 1:
        return None
    assert plugin.release is not None
    return _version(plugin.release, wanted[0])


def plugin_refusal(name: str) -> str:
    """Say why the name of a plugin is no model's; empty where it is no plugin's either."""
    plugin = plugin_list().filter(pk=name).first()
    if plugin is None:
        return ""
    assert plugin.release is not None
    if plugin.release.manifest.get("trains"):
        return f"{name!r} is a plugin, and no model yet: train it, and use the model it makes."
    names = ", ".join(installed_name(name, folder) for folder in _folders(plugin))
    if names:
        return f"{name!r} has several models. Name one of them: {names}."
    return (
        f"{name!r} is a plugin that is not trained, and no model of it is installed here: the "
        "operator has to put one into the folder of base models (MODELMILL_BASE_MODELS)."
    )


def plugin_is_usable(plugin: Plugin) -> bool:
    """Say whether anything can be done with a plugin: it is trained, or has installed models."""
    assert plugin.release is not None
    return bool(plugin.release.manifest.get("trains") or _folders(plugin))


def installed_prepare(plugins: Iterable[Plugin] | None = None) -> None:
    """Make what is installed part of the tenant's models, and what is gone no part of them.

    ``plugins`` is the ``plugin_list`` where the caller has it already. Two queries while
    nothing has changed.
    """
    known = {one.name: one for one in ModelVersion.objects.exclude(installed="")}
    offered = dict(_offered(plugin_list() if plugins is None else plugins))
    for name, (release, folder) in offered.items():
        found = known.get(name)
        if found is None or found.deleted_at or found.release_id != release.pk:
            _version(release, folder)
    gone = [one.pk for name, one in known.items() if name not in offered and not one.deleted_at]
    if gone:
        ModelVersion.objects.filter(pk__in=gone).update(deleted_at=timezone.now())


def _offered(plugins: Iterable[Plugin]) -> Iterator[tuple[str, tuple[Release, str]]]:
    for plugin in plugins:
        assert plugin.release is not None
        for folder in _folders(plugin):
            yield installed_name(plugin.pk, folder), (plugin.release, folder)


def _folders(plugin: Plugin) -> list[str]:
    assert plugin.release is not None
    return [one["folder"] for one in plugin.release.manifest.get("installed", ())]


def _version(release: Release, folder: str) -> ModelVersion:
    """Return the tenant's row of an installed model, with the release that is current now."""
    name = installed_name(release.plugin_id, folder)
    rows = ModelVersion.objects.select_related("model", "release__plugin").filter(name=name)
    found = rows.first() or _create(release, folder, name=name) or rows.get()
    if found.release_id != release.pk or found.deleted_at is not None:
        # It is no state of a training: whatever release is there opens the same folder.
        rows.update(release=release, deleted_at=None)
        found = rows.get()
    return found


def _create(release: Release, folder: str, *, name: str) -> ModelVersion | None:
    """Make the row; None when another request was first."""
    tenant = Tenant.objects.get(pk=current_tenant_id())
    blob = blob_write([json.dumps({"folder": folder}).encode()], media_type="application/json")
    try:
        with transaction.atomic():
            model = model_for(name[:100], plugin_id=release.plugin_id, tenant=tenant)
            version = ModelVersion.objects.create(
                tenant=tenant,
                model=model,
                number=number_next(model),
                name=name,
                release=release,
                installed=folder or _ITSELF,
                seed=0,
                sha256=files_digest({_FILE: blob}),
                size_bytes=0,
            )
            ModelFile.objects.create(tenant=tenant, version=version, path=_FILE, blob=blob)
    except IntegrityError:
        blob_release(blob)
        return None
    return version
