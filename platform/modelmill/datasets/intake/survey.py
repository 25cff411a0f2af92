"""The first look at records: their kind, their labels, the types of their columns."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from modelmill.datasets.intake.columns import ColumnTypes
from modelmill.datasets.intake.further import FurtherColumns
from modelmill.datasets.intake.limits import Limits
from modelmill.datasets.intake.records import Record, Sheet, records
from modelmill.datasets.intake.refusals import Refusal, Refused
from modelmill.datasets.intake.shapes import ITEM, RATING, TIMESTAMP, USER, label_text, named


@dataclass
class Survey:
    """What the records of a source are."""

    kind: str
    columns: ColumnTypes
    further: FurtherColumns
    labels: set[str] = field(default_factory=set)
    has_rating: bool = False
    has_timestamp: bool = False

    @property
    def label_names(self) -> list[str] | None:
        """The labels in order: by number if all are numbers, else by letter. None without any."""
        if not self.labels:
            return None
        if all(label.isascii() and label.isdigit() for label in self.labels):
            return sorted(self.labels, key=lambda label: (int(label), label))
        return sorted(self.labels)

    @property
    def further_names(self) -> list[str]:
        """The further columns that are kept: of what has labels, for groups to be compared."""
        return self.further.names() if self.labels else []

    def label_of(self, record: Record) -> str | None:
        """Return a record's label as text."""
        return label_text(record.get("label"))


def survey_of(sheets: Sequence[Sheet], *, limits: Limits) -> Survey:
    """Read all records once; raises ``Refused`` when there are none, or too many labels."""
    survey: Survey | None = None
    for sheet in sheets:
        for _number, record in records(sheet, limits=limits, findings=None):
            if survey is None:
                kind = kind_of(record)
                own = "image" if kind == "images" else "text"
                survey = Survey(
                    kind=kind,
                    columns=ColumnTypes(limits.columns),
                    further=FurtherColumns(own, "label", limits=limits),
                )
            _look(survey, record, limits)
    if survey is None:
        raise Refused(Refusal.NO_RECORDS)
    return survey


def kind_of(record: Record) -> str:
    """Return the dataset kind that a record's columns make."""
    if isinstance(record.get("messages"), list):
        return "conversations"
    if isinstance(record.get("image"), bytes) or (
        isinstance(record.get("image"), dict) and isinstance(record["image"].get("bytes"), bytes)
    ):
        return "images"
    if "text" in record:
        return "labelled_text" if "label" in record else "text"
    if named(record, USER) is not None and named(record, ITEM) is not None:
        return "interactions"
    return "table"


def _look(survey: Survey, record: Record, limits: Limits) -> None:
    if survey.kind in ("images", "labelled_text"):
        label = label_text(record.get("label"))
        if label is not None:
            survey.labels.add(label)
        if len(survey.labels) > limits.labels:
            raise Refused(Refusal.LABELS, most=limits.labels)
        survey.further.see(record)
    elif survey.kind == "interactions":
        survey.has_rating = survey.has_rating or named(record, RATING) is not None
        survey.has_timestamp = survey.has_timestamp or named(record, TIMESTAMP) is not None
    elif survey.kind == "table":
        survey.columns.see(record)
