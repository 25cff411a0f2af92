"""What must hold of a job's data and metadata, in sentences a customer can act on."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from modelmill.catalog.models import Release
from modelmill.core.errors import InvalidRequest
from modelmill.datasets.models import DatasetVersion
from modelmill.datasets.models.dataset import Kind, Split
from modelmill.datasets.selectors import version_for

_METADATA_PAIRS = 16
_METADATA_KEY_LENGTH = 64
_METADATA_VALUE_LENGTH = 512


def trainable_check(release: Release) -> None:
    """Refuse a plugin that only predicts."""
    if not release.manifest.get("trains"):
        raise InvalidRequest(
            _("%(title)s cannot be trained.") % {"title": release.title}, param="model"
        )


def data_check(
    training_ref: str, validation_ref: str | None, *, release: Release
) -> tuple[DatasetVersion, DatasetVersion | None]:
    """Return the data a training names, the second to measure it on if one is named.

    Raises ``NotFound``, or ``InvalidRequest`` for data that ``release`` cannot learn from.
    """
    training = version_for(training_ref, param="training_file")
    version_check(training, param="training_file")
    kind_check(training, release=release, param="training_file")
    size_check(training, release=release, param="training_file")
    if not validation_ref:
        return training, None
    validation = version_for(validation_ref, param="validation_file")
    version_check(validation, param="validation_file")
    kind_check(validation, release=release, param="validation_file")
    other_check(validation, training=training)
    return training, validation


def version_check(version: DatasetVersion, *, param: str) -> None:
    """Refuse data that was found to be unusable."""
    if version.state == DatasetVersion.State.FAILED:
        raise InvalidRequest(
            _("This data cannot be used: %(reason)s") % {"reason": version.error_message},
            code="dataset_invalid",
            param=param,
        )


def kind_check(version: DatasetVersion, *, release: Release, param: str) -> None:
    """Refuse data of a kind the plugin does not take; data still being checked passes."""
    accepts = release.manifest["accepts"]
    if version.is_ready and version.kind not in accepts:
        raise InvalidRequest(
            _("This dataset holds %(kind)s; %(title)s takes %(accepted)s.")
            % {
                "kind": _kind_label(version.kind),
                "title": release.title,
                "accepted": ", ".join(_kind_label(kind) for kind in accepts),
            },
            code="dataset_kind",
            param=param,
        )


def size_check(version: DatasetVersion, *, release: Release, param: str) -> None:
    """Refuse data whose training part is smaller than the plugin needs, whatever the parameters."""
    least, count = rows_needed(release), rows_learned(version)
    if version.is_ready and count < least:
        said = _(
            "The training part of this dataset has %(count)s of its %(rows)s rows; %(title)s "
            "needs at least %(least)s there. Add more, or choose other data."
        )
        said %= {
            "count": count,
            "rows": version.row_count,
            "title": release.title,
            "least": least,
        }
        raise InvalidRequest(said, code="dataset_too_small", param=param)


def rows_needed(release: Release) -> int:
    """Return the least rows that the training part must have."""
    return int(release.manifest.get("needs", {}).get("train_rows", 0))


def rows_learned(version: DatasetVersion) -> int:
    """Return the rows of the training part."""
    return int(version.splits.get(Split.TRAIN, 0))


def other_check(validation: DatasetVersion, *, training: DatasetVersion) -> None:
    """Refuse to measure a model on what it has learnt from: it would look better than it is."""
    same_bytes = validation.source_sha256 and validation.source_sha256 == training.source_sha256
    if same_bytes or validation.pk == training.pk:
        raise InvalidRequest(
            _(
                "The validation file is the training file. Give other examples, or leave it out: "
                "a part of the training file is then held back."
            ),
            code="validation_is_training",
            param="validation_file",
        )


def metadata_check(metadata: Mapping[str, Any]) -> None:
    """Refuse metadata beyond OpenAI's bounds: 16 pairs of text, 64 and 512 characters."""
    if len(metadata) > _METADATA_PAIRS:
        raise InvalidRequest(_("metadata has at most 16 pairs."), param="metadata")
    for key, value in metadata.items():
        if not isinstance(value, str) or len(value) > _METADATA_VALUE_LENGTH:
            raise InvalidRequest(
                _("A metadata value is a text of at most 512 characters."), param="metadata"
            )
        if len(key) > _METADATA_KEY_LENGTH:
            raise InvalidRequest(_("A metadata key has at most 64 characters."), param="metadata")


def _kind_label(kind: str) -> str:
    known = dict(Kind.choices)
    return str(known.get(kind, kind)).lower()
