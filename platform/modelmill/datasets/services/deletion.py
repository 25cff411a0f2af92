"""Files and datasets leave, and give back their storage."""

from django.db import transaction
from django.db.models import ProtectedError, RestrictedError
from django.utils import timezone
from django.utils.translation import gettext as _

from modelmill.core.errors import Conflict
from modelmill.core.scope import system_scope, tenant_scope
from modelmill.core.storage import blob_release
from modelmill.datasets.models import (
    Dataset,
    DatasetShard,
    DatasetThumbnail,
    DatasetVersion,
    File,
)
from modelmill.tenants.callers import Caller
from modelmill.tenants.services import audit_record

_SWEEP_LIMIT = 200


def file_delete(file: File, *, caller: Caller) -> None:
    """Delete a file, its bytes, and the dataset versions made of it.

    A version that a row of a higher room links to stays; jobs and models do not
    link, they keep the version's id.
    """
    with transaction.atomic():
        _file_remove(file)
        audit_record(
            "file.deleted", caller=caller, object_id=file.id, detail={"name": file.filename}
        )


def dataset_delete(dataset: Dataset, *, caller: Caller) -> None:
    """Delete a dataset with all its versions, the files they were made of, and all bytes.

    Raises ``Conflict``, and deletes nothing, when a row of a higher room links to a version.
    """
    with transaction.atomic():
        versions = list(dataset.versions.select_related("source_file__blob"))
        for version in versions:
            if not _version_remove(version):
                raise Conflict(
                    _("Something else is built on this dataset. Delete that first."),
                    code="dataset_in_use",
                )
        # Not dataset.delete(): that would take the id from the row the audit names.
        Dataset.objects.filter(pk=dataset.pk).delete()
        # Nobody would find them again, and their storage would be metered for ever.
        for version in versions:
            if version.source_file is not None:
                _file_remove(version.source_file)
        audit_record(
            "dataset.deleted", caller=caller, object_id=dataset.id, detail={"name": dataset.name}
        )


def files_sweep() -> int:
    """Delete the files whose time is over; return how many."""
    with system_scope("files of every tenant expire"):
        due = list(
            File.objects.filter(expires_at__lte=timezone.now()).order_by("expires_at")[
                :_SWEEP_LIMIT
            ]
        )
    for file in due:
        with tenant_scope(file.tenant_id), transaction.atomic():
            _file_remove(file)
    return len(due)


def _file_remove(file: File) -> None:
    for version in DatasetVersion.objects.filter(source_file=file).select_related("dataset"):
        if _version_remove(version) and not version.dataset.versions.exists():
            version.dataset.delete()
    blob = file.blob
    # The row object keeps its id for whoever answers the request.
    if File.objects.filter(pk=file.pk).delete()[0]:
        blob_release(blob)


def _version_remove(version: DatasetVersion) -> bool:
    """Delete a version unless a row of a higher room links to it; say whether it is gone."""
    shards = DatasetShard.objects.filter(version=version).select_related("blob")
    thumbnails = DatasetThumbnail.objects.filter(version=version).select_related("blob")
    held = [row.blob for row in shards] + [row.blob for row in thumbnails]
    try:
        with transaction.atomic():
            DatasetVersion.objects.filter(pk=version.pk).delete()
    except (ProtectedError, RestrictedError):
        return False
    for blob in held:
        blob_release(blob)
    return True
