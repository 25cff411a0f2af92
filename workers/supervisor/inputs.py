"""What an attempt starts from: the dataset's files, and the newest checkpoint."""

import json
from pathlib import Path
from typing import Any

from modelmill.datasets.selectors import access_version
from modelmill.datasets.services import version_fetch
from modelmill.training.models import Checkpoint, Job

from workers.supervisor.folders import archive_fetch

_DESCRIPTION = "dataset.json"


def data_fetch(job: Job, folder: Path) -> Path:
    """Write the job's data into a folder; rows of a validation file become its validation split.

    Raises ``NotFound`` when the data was deleted since the job was submitted.
    """
    version_fetch(access_version(job.training_version_id), folder)
    if job.validation_version_id:
        part = folder / "validation-file"
        version_fetch(access_version(job.validation_version_id), part)
        _validation_replace(folder, part)
    return folder


def checkpoint_fetch(checkpoint: Checkpoint, folder: Path) -> Path:
    """Unpack a checkpoint's files into a folder; return the folder."""
    assert checkpoint.blob is not None
    return archive_fetch(checkpoint.blob, folder)


def _validation_replace(folder: Path, part: Path) -> None:
    described = _read(folder)
    splits = _read(part)["splits"].values()
    files = [f"{part.name}/{name}" for split in splits for name in split["files"]]
    rows = sum(split["rows"] for split in splits)
    described["splits"]["validation"] = {"rows": rows, "files": files}
    (folder / _DESCRIPTION).write_text(json.dumps(described), encoding="utf-8")


def _read(folder: Path) -> dict[str, Any]:
    described: dict[str, Any] = json.loads((folder / _DESCRIPTION).read_text(encoding="utf-8"))
    return described
