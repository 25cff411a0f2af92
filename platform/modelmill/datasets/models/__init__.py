"""The datasets room's tables."""

from modelmill.datasets.models.dataset import (
    Dataset,
    DatasetProblem,
    DatasetShard,
    DatasetThumbnail,
    DatasetVersion,
    Kind,
)
from modelmill.datasets.models.file import File, Upload, UploadPart

__all__ = [
    "Dataset",
    "DatasetProblem",
    "DatasetShard",
    "DatasetThumbnail",
    "DatasetVersion",
    "File",
    "Kind",
    "Upload",
    "UploadPart",
]
