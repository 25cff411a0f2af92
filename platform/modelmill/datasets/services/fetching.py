"""A version's rows leave storage for the folder that a plugin reads."""

import json
from pathlib import Path

from django.utils.translation import gettext as _

from modelmill.core.errors import Conflict
from modelmill.core.storage import blob_fetch
from modelmill.datasets.models import DatasetVersion
from modelmill.datasets.models.dataset import Split
from modelmill.datasets.selectors import shard_list

DESCRIPTION_FILE = "dataset.json"


def version_fetch(version: DatasetVersion, folder: Path) -> Path:
    """Write a ready version's Parquet shards and ``dataset.json`` into a folder; return the folder.

    The description is written last: a folder that has one is complete. Raises
    ``Conflict`` unless the version is ready.
    """
    if not version.is_ready:
        raise Conflict(_("This dataset version is not ready yet."), code="dataset_not_ready")
    files: dict[str, list[str]] = {split: [] for split in Split.values}
    for shard in shard_list(version):
        blob_fetch(shard.blob, folder / shard.file_name)
        files[shard.split].append(shard.file_name)
    description = {
        "kind": version.kind,
        "label_names": version.label_names,
        "splits": {
            split: {"rows": version.splits.get(split, 0), "files": names}
            for split, names in files.items()
        },
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / DESCRIPTION_FILE).write_text(json.dumps(description), encoding="utf-8")
    return folder
