"""The datasets room's reads. Every lookup by id sees the tenant in scope alone."""

from collections.abc import Iterable

from django.db.models import OuterRef, Prefetch, QuerySet, Subquery, Sum
from django.utils.translation import gettext as _

from modelmill.core.errors import NotFound
from modelmill.core.models import Blob
from modelmill.datasets.models import (
    Dataset,
    DatasetProblem,
    DatasetShard,
    DatasetThumbnail,
    DatasetVersion,
    File,
    Upload,
    UploadPart,
)

# What only a version's own page shows; lists do without.
_HEAVY = ("preview", "statistics")


def file_list(*, purpose: str = "") -> QuerySet[File]:
    """Return the files in scope, newest first, with ``made_dataset_id`` and ``made_version_id``."""
    made = DatasetVersion.objects.filter(source_file=OuterRef("pk"))
    rows = File.objects.order_by("-pk").annotate(
        made_dataset_id=Subquery(made.values("dataset_id")[:1]),
        made_version_id=Subquery(made.values("pk")[:1]),
    )
    return rows.filter(purpose=purpose) if purpose else rows


def access_file(file_id: str) -> File:
    """Return one file in scope, or raise ``NotFound``."""
    file = file_list().select_related("blob").filter(pk=file_id).first()
    if file is None:
        raise NotFound(_("There is no file %(id)s.") % {"id": file_id}, code="file_not_found")
    return file


def access_upload(upload_id: str) -> Upload:
    """Return one upload in scope, or raise ``NotFound``."""
    upload = Upload.objects.select_related("file").filter(pk=upload_id).first()
    if upload is None:
        raise NotFound(_("There is no upload %(id)s.") % {"id": upload_id})
    return upload


def upload_part_list(upload: Upload) -> QuerySet[UploadPart]:
    """Return an upload's parts, in the order they came."""
    return UploadPart.objects.filter(upload=upload).order_by("pk")


def dataset_list() -> QuerySet[Dataset]:
    """Return the datasets in scope, newest first, each with ``newest`` at hand. Two queries."""
    return Dataset.objects.prefetch_related(
        Prefetch("versions", queryset=_newest_versions(), to_attr="newest_versions")
    ).order_by("-pk")


def access_dataset(dataset_id: str) -> Dataset:
    """Return one dataset in scope, with ``newest`` at hand, or raise ``NotFound``."""
    dataset = dataset_list().filter(pk=dataset_id).first()
    if dataset is None:
        raise NotFound(
            _("There is no dataset %(id)s.") % {"id": dataset_id}, code="dataset_not_found"
        )
    return dataset


def version_list(dataset: Dataset) -> QuerySet[DatasetVersion]:
    """Return a dataset's versions, newest first, without their previews."""
    return DatasetVersion.objects.filter(dataset=dataset).defer(*_HEAVY).order_by("-pk")


def versions_of_kinds(kinds: Iterable[str]) -> QuerySet[DatasetVersion]:
    """Return the ready versions of these kinds in scope, newest first, without their previews."""
    rows = DatasetVersion.objects.select_related("dataset").defer(*_HEAVY)
    ready = rows.filter(state=DatasetVersion.State.READY, kind__in=list(kinds))
    return ready.order_by("-pk")


def access_version(version_id: str) -> DatasetVersion:
    """Return one dataset version in scope, or raise ``NotFound``."""
    version = DatasetVersion.objects.select_related("dataset").filter(pk=version_id).first()
    if version is None:
        raise NotFound(
            _("There is no dataset version %(id)s.") % {"id": version_id},
            code="dataset_not_found",
        )
    return version


def access_version_of(dataset: Dataset, version_ref: str) -> DatasetVersion:
    """Return one version of a dataset by its id, or by the word "newest"; or raise ``NotFound``."""
    rows = DatasetVersion.objects.filter(dataset=dataset).order_by("-number")
    version = (rows if version_ref == "newest" else rows.filter(pk=version_ref)).first()
    if version is None:
        raise NotFound(_("There is no dataset version %(id)s.") % {"id": version_ref})
    return version


def version_for(ref: str, *, param: str | None = None) -> DatasetVersion:
    """Return the version meant by the id of a file, a dataset or a version.

    A file means the version made of it; a dataset its newest ready version, or
    the newest when none is. Raises ``NotFound``, naming ``param``.
    """
    rows = DatasetVersion.objects.select_related("dataset").order_by("-number")
    version = None
    if ref.startswith("dsv-"):
        version = rows.filter(pk=ref).first()
    elif ref.startswith("ds-"):
        rows = rows.filter(dataset_id=ref)
        version = rows.filter(state=DatasetVersion.State.READY).first() or rows.first()
    elif ref.startswith("file-"):
        version = rows.filter(source_file_id=ref).first()
    if version is None:
        raise NotFound(
            _("There is no training data %(id)s. Give the id of a file, a dataset or a version.")
            % {"id": ref},
            code="dataset_not_found",
            param=param,
        )
    return version


def shard_list(version: DatasetVersion) -> QuerySet[DatasetShard]:
    """Return a version's shards with their blobs, in order within each split."""
    rows = DatasetShard.objects.filter(version=version).select_related("blob")
    return rows.order_by("split", "number")


def thumbnail_list(version: DatasetVersion) -> QuerySet[DatasetThumbnail]:
    """Return a version's small pictures, in order."""
    return DatasetThumbnail.objects.filter(version=version).order_by("number")


def access_thumbnail(version: DatasetVersion, number: int) -> DatasetThumbnail:
    """Return one small picture of a version, or raise ``NotFound``."""
    rows = DatasetThumbnail.objects.filter(version=version, number=number)
    thumbnail = rows.select_related("blob").first()
    if thumbnail is None:
        raise NotFound(_("There is no such picture."))
    return thumbnail


def problem_list(version: DatasetVersion) -> QuerySet[DatasetProblem]:
    """Return the stored problems of a version, as found; ``problem_count`` counts all of them."""
    return DatasetProblem.objects.filter(version=version).order_by("pk")


def storage_used_bytes() -> int:
    """Return how many bytes the tenant in scope stores, each content counted once."""
    return int(Blob.objects.aggregate(total=Sum("size_bytes"))["total"] or 0)


def _newest_versions() -> QuerySet[DatasetVersion]:
    newest = DatasetVersion.objects.filter(dataset=OuterRef("dataset")).order_by("-number")
    return DatasetVersion.objects.filter(number=Subquery(newest.values("number")[:1])).defer(
        *_HEAVY
    )
