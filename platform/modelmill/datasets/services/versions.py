"""Datasets and versions come to be, waiting for their check."""

from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from modelmill.core.errors import InvalidRequest
from modelmill.core.outbox import outbox_add
from modelmill.datasets.models import Dataset, DatasetVersion, File
from modelmill.tenants.callers import Caller
from modelmill.tenants.services import audit_record

VALIDATE_TASK = "workers.tasks.datasets.validate"


def dataset_create(*, name: str, caller: Caller) -> Dataset:
    """Create a dataset without versions."""
    return Dataset.objects.create(
        tenant=caller.tenant, name=_checked_name(name), created_by=caller.actor[:200]
    )


def dataset_rename(dataset: Dataset, *, name: str, caller: Caller) -> Dataset:
    """Give a dataset another name."""
    dataset.name = _checked_name(name)
    with transaction.atomic():
        dataset.save(update_fields=["name"])
        audit_record(
            "dataset.renamed", caller=caller, object_id=dataset.id, detail={"name": dataset.name}
        )
    return dataset


def version_create(dataset: Dataset, *, file: File) -> DatasetVersion:
    """Make the next version of a dataset from a file, and tell a worker to check it."""
    with transaction.atomic():
        # Locked, so that two uploads at once get two numbers.
        Dataset.objects.select_for_update().get(pk=dataset.pk)
        newest = dataset.versions.aggregate(newest=Max("number"))["newest"] or 0
        version = DatasetVersion.objects.create(
            tenant_id=dataset.tenant_id,
            dataset=dataset,
            number=newest + 1,
            source_file=file,
            source_name=file.filename,
            source_sha256=file.blob.sha256,
        )
        outbox_add(VALIDATE_TASK, key=f"validate:{version.id}", payload=version_message(version))
    return version


def version_message(version: DatasetVersion) -> dict[str, object]:
    """Return what the checking task needs to know."""
    return {"tenant_id": version.tenant_id, "version_id": version.id}


def _checked_name(name: str) -> str:
    name = name.strip()
    if not 1 <= len(name) <= 120:
        raise InvalidRequest(_("A name has 1 to 120 characters."), param="name")
    return name
