"""The datasets room's writes."""

from modelmill.datasets.services.deletion import dataset_delete, file_delete, files_sweep
from modelmill.datasets.services.fetching import version_fetch
from modelmill.datasets.services.files import file_add, file_create, file_refuse_early
from modelmill.datasets.services.uploads import (
    PART_MAX_BYTES,
    upload_cancel,
    upload_complete,
    upload_create,
    upload_part_add,
    uploads_sweep,
)
from modelmill.datasets.services.validation import version_validate, versions_sweep
from modelmill.datasets.services.versions import dataset_rename, version_create

__all__ = [
    "PART_MAX_BYTES",
    "dataset_delete",
    "dataset_rename",
    "file_add",
    "file_create",
    "file_delete",
    "file_refuse_early",
    "files_sweep",
    "upload_cancel",
    "upload_complete",
    "upload_create",
    "upload_part_add",
    "uploads_sweep",
    "version_create",
    "version_fetch",
    "version_validate",
    "versions_sweep",
]
