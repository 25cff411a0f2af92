"""What a check found is stored, and then becomes visible in one step."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from modelmill.core.killpoints import killpoint
from modelmill.core.models import Blob
from modelmill.core.storage import blob_release, blob_write
from modelmill.datasets.models import (
    DatasetProblem,
    DatasetShard,
    DatasetThumbnail,
    DatasetVersion,
    File,
)

_PROBLEM_BATCH = 500


def result_store(version: DatasetVersion, result: Mapping[str, Any], *, folder: Path) -> None:
    """Store a child's result: shards and pictures first, then the version's new state."""
    if result.get("error"):
        version_fail(version, error=result["error"], result=result)
        return
    try:
        for shard in result["shards"]:
            _shard_store(version, shard, folder=folder)
        for number, thumbnail in enumerate(result["thumbnails"]):
            _thumbnail_store(version, thumbnail, number=number, folder=folder)
    except IntegrityError:
        if DatasetVersion.objects.filter(pk=version.pk).exists():
            raise
        return  # Deleted while it was checked, and its stored rows with it.
    with transaction.atomic():
        if _flip(version, state=DatasetVersion.State.READY, result=result):
            _problems_store(version, result["problems"])
            _file_mark(version, status=File.Status.PROCESSED, details="")
            killpoint("intake.before_commit")


def version_fail(
    version: DatasetVersion, *, error: Mapping[str, Any], result: Mapping[str, Any] | None = None
) -> None:
    """Refuse a version with a ``Refusal``, and release what an attempt may have stored of it."""
    with transaction.atomic():
        if _flip(
            version,
            state=DatasetVersion.State.FAILED,
            result=result or {},
            error=error,
        ):
            _stored_release(version)
            _problems_store(version, (result or {}).get("problems", []))
            _file_mark(version, status=File.Status.ERROR, details=error["message"])


def _flip(
    version: DatasetVersion,
    *,
    state: str,
    result: Mapping[str, Any],
    error: Mapping[str, Any] | None = None,
) -> bool:
    """Move the version out of ``validating``; False when somebody else did, or it is gone."""
    shards = result.get("shards", [])
    rows = DatasetVersion.objects.filter(pk=version.pk, state=DatasetVersion.State.VALIDATING)
    changed = rows.update(
        state=state,
        kind=result.get("kind") or "",
        label_names=result.get("label_names"),
        row_count=sum(shard["row_count"] for shard in shards),
        size_bytes=sum(shard["size_bytes"] for shard in shards),
        sha256=result.get("sha256", ""),
        splits=result.get("splits", {}),
        statistics=result.get("statistics", {}),
        preview=result.get("preview", []),
        problem_count=result.get("problem_count", 0),
        rows_seen=result.get("rows_seen", 0),
        **_error_fields(error),
        leased_until=None,
        finished_at=Now(),
    )
    return changed == 1


def _error_fields(error: Mapping[str, Any] | None) -> dict[str, Any]:
    if error is None:
        return {}
    return {
        "error_code": error["code"],
        "error_message": error["message"],
        "error_detail": {"template": error["template"], "params": error["params"]},
    }


def _shard_store(version: DatasetVersion, shard: Mapping[str, Any], *, folder: Path) -> None:
    place = {"version": version, "split": shard["split"], "number": shard["number"]}
    blob = blob_write(folder / shard["file"], media_type="application/vnd.apache.parquet")
    _row_store(
        DatasetShard.objects.filter(**place),
        DatasetShard(
            tenant_id=version.tenant_id,
            blob=blob,
            sha256=blob.sha256,
            row_count=shard["row_count"],
            size_bytes=blob.size_bytes,
            **place,
        ),
    )


def _thumbnail_store(
    version: DatasetVersion, thumbnail: Mapping[str, Any], *, number: int, folder: Path
) -> None:
    place = {"version": version, "number": number}
    blob = blob_write(folder / thumbnail["file"], media_type="image/webp")
    _row_store(
        DatasetThumbnail.objects.filter(**place),
        DatasetThumbnail(
            tenant_id=version.tenant_id,
            blob=blob,
            caption=thumbnail["caption"],
            width_px=thumbnail["width_px"],
            height_px=thumbnail["height_px"],
            **place,
        ),
    )


def _row_store(same_place: Any, row: DatasetShard | DatasetThumbnail) -> None:
    """Save a row that holds a fresh reference, replacing what an earlier attempt left there."""
    held: list[Blob] = []
    try:
        with transaction.atomic():
            for earlier in same_place.select_related("blob"):
                held.append(earlier.blob)
            same_place.delete()
            row.save()
            for blob in held:
                blob_release(blob)
    except BaseException:
        blob_release(row.blob)
        raise


def _stored_release(version: DatasetVersion) -> None:
    for model in (DatasetShard, DatasetThumbnail):
        rows = model.objects.filter(version=version)
        blobs = [row.blob for row in rows.select_related("blob")]
        rows.delete()
        for blob in blobs:
            blob_release(blob)


def _problems_store(version: DatasetVersion, problems: Iterable[Mapping[str, Any]]) -> None:
    DatasetProblem.objects.bulk_create(
        [
            DatasetProblem(
                id=f"prob-{version.id.removeprefix('dsv-')}-{number:05d}",
                tenant_id=version.tenant_id,
                version=version,
                file=problem["file"],
                row=problem["row"],
                field=problem["field"],
                reason=problem["reason"],
                fix=problem["fix"],
            )
            for number, problem in enumerate(problems, start=1)
        ],
        batch_size=_PROBLEM_BATCH,
    )


def _file_mark(version: DatasetVersion, *, status: str, details: str) -> None:
    File.objects.filter(pk=version.source_file_id).update(status=status, status_details=details)
