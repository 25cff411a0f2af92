"""The registry's writes."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _

from modelmill.catalog.models import Release
from modelmill.core.errors import Conflict, InvalidRequest, NotFound
from modelmill.core.models import Blob
from modelmill.core.scope import current_tenant_id
from modelmill.core.storage import blob_fetch, blob_release
from modelmill.registry.models import Alias, Model, ModelFile, ModelVersion, version_id
from modelmill.registry.naming import alias_is_valid, suffix_clean, version_name
from modelmill.tenants.callers import Caller
from modelmill.tenants.models import Tenant


@dataclass(frozen=True, kw_only=True)
class Lineage:
    """What a version was made from."""

    release: Release
    job_id: str
    dataset_version_id: str
    validation_version_id: str = ""
    checkpoint: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    step: int = 0
    metrics: Mapping[str, Any] = field(default_factory=dict)
    created_by: str = ""


def version_publish(
    files: Mapping[str, Blob], *, lineage: Lineage, suffix: str = ""
) -> ModelVersion:
    """Make a model version of bytes that are stored already, in one transaction.

    ``files`` maps paths inside the model's folder to blobs; their references
    pass to the version. A second call for the same job returns the version that
    exists and takes no references.
    """
    with transaction.atomic():
        existing = ModelVersion.objects.filter(job_id=lineage.job_id).first()
        if existing is not None:
            return existing
        version = _version_create(files, lineage=lineage, suffix=suffix_clean(suffix))
        ModelFile.objects.bulk_create(
            ModelFile(tenant_id=version.tenant_id, version=version, path=path, blob=blob)
            for path, blob in sorted(files.items())
        )
    return version


def version_fetch(version: ModelVersion, folder: Path) -> Path:
    """Copy a version's files into a folder on this machine; return the folder."""
    for row in version.files.select_related("blob").order_by("path"):
        blob_fetch(row.blob, folder / _inside(row.path))
    return folder


def model_delete(version: ModelVersion, *, caller: Caller) -> None:
    """Delete a version's bytes and its aliases; its name is not found from now on.

    Raises ``Conflict`` for a model that the operator installed.
    """
    caller.require("models:write")
    if version.installed:
        raise Conflict(
            _("Your operator installed this model for everyone; it cannot be deleted."),
            code="model_installed",
        )
    with transaction.atomic():
        row = ModelVersion.objects.filter(pk=version.pk, deleted_at=None)
        if not row.update(deleted_at=timezone.now()):
            return
        for item in version.files.select_related("blob"):
            item.delete()
            blob_release(item.blob)
        Alias.objects.filter(version=version).delete()


def alias_set(version: ModelVersion, *, name: str, caller: Caller) -> Alias:
    """Point ``<model>@<name>`` at a version, wherever it pointed before."""
    caller.require("models:write")
    if not alias_is_valid(name):
        raise InvalidRequest(
            _("An alias has up to 50 small letters, digits, dots or hyphens."), param="alias"
        )
    alias, _new = Alias.objects.update_or_create(
        tenant_id=version.tenant_id,
        model_id=version.model_id,
        name=name,
        defaults={"version": version},
    )
    return alias


def alias_remove(model: Model, *, name: str, caller: Caller) -> None:
    """Take an alias away; raises ``NotFound`` when there is none."""
    caller.require("models:write")
    if not Alias.objects.filter(model=model, name=name).delete()[0]:
        raise NotFound(_("There is no such alias."), param="alias")


def number_next(model: Model) -> int:
    """Return the number of a model's next version; the model is locked."""
    return (model.versions.aggregate(number=Max("number"))["number"] or 0) + 1


def files_digest(files: Mapping[str, Blob]) -> str:
    """Hash a model: each file's path and SHA-256, by path."""
    lines = (f"{path}\0{blob.sha256}\n" for path, blob in sorted(files.items()))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _version_create(files: Mapping[str, Blob], *, lineage: Lineage, suffix: str) -> ModelVersion:
    tenant = Tenant.objects.get(pk=current_tenant_id())
    plugin_id = lineage.release.plugin_id
    model = model_for(suffix or plugin_id, plugin_id=plugin_id, tenant=tenant)
    row_id = version_id()
    return ModelVersion.objects.create(
        id=row_id,
        tenant=tenant,
        model=model,
        number=number_next(model),
        name=version_name(
            plugin_id=plugin_id, tenant_slug=tenant.slug, suffix=suffix, version_id=row_id
        ),
        sha256=files_digest(files),
        size_bytes=sum(blob.size_bytes for blob in files.values()),
        release=lineage.release,
        job_id=lineage.job_id,
        dataset_version_id=lineage.dataset_version_id,
        validation_version_id=lineage.validation_version_id,
        checkpoint=lineage.checkpoint,
        parameters=dict(lineage.parameters),
        seed=lineage.seed,
        step=lineage.step,
        metrics=dict(lineage.metrics),
        created_by=lineage.created_by,
    )


def model_for(name: str, *, plugin_id: str, tenant: Tenant) -> Model:
    """Return the model of a name that a version is added to, locked; call it in a transaction.

    A name that another plugin's model holds gets the plugin's id behind it.
    """
    taken = Model.objects.filter(name=name).first()
    if taken is not None and taken.plugin_id != plugin_id:
        name = f"{name}-{plugin_id}"[:100]
    model, _new = Model.objects.get_or_create(
        tenant=tenant, name=name, defaults={"plugin_id": plugin_id}
    )
    # Two jobs that finish at once must not both count the same newest number.
    return Model.objects.select_for_update().get(pk=model.pk)


def _inside(path: str) -> PurePosixPath:
    """Refuse a stored path that would climb out of the folder it is fetched into."""
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts:
        raise ValueError(f"{path!r} is not a path inside a model's folder.")
    return pure
