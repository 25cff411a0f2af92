"""What is wrong with single rows of a source, and what to do about it."""

from collections import Counter
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any

_TEXT_MAX = 500


def _(text: str) -> str:
    """Mark a sentence for translation; pages translate it when they show it."""
    return text


class Reason(Enum):
    """Why an entry, row or column was left out, and what to do. Constant, to be translatable."""

    LINK = (_("This is a link, not a file."), _("Put the file itself into the archive."))
    DEVICE = (_("This is not an ordinary file."), _("Leave it out of the archive."))
    ENCRYPTED = (_("This entry has a password."), _("Pack the archive without a password."))
    UNPACKING = (_("This entry could not be unpacked."), _("Pack the archive again."))
    NESTED = (_("Archives inside archives are not opened."), _("Unpack it before packing all."))
    OTHER_FORM = (
        _("This file is of another kind than the rest."),
        _("Upload it as a dataset of its own."),
    )
    UNKNOWN_FORM = (
        _("Files of this kind are not read."),
        _("Leave it out, or save it in a form that is read."),
    )
    NOT_IMAGE = (
        _("This is not a picture in a known format."),
        _("Use JPEG, PNG, WebP, GIF or BMP."),
    )
    IMAGE_BROKEN = (_("This picture is broken or cut off."), _("Export it again."))
    IMAGE_PIXELS = (
        _("This picture has more than 25 million pixels."),
        _("Make it smaller."),
    )
    IMAGE_BYTES = (_("This picture is larger than 32 MB."), _("Save it with more compression."))
    TWO_LABELS = (
        _("The same content has another label elsewhere."),
        _("Keep it under one label only."),
    )
    ENCODING = (_("This text is not UTF-8."), _("Save the file as UTF-8."))
    BINARY = (_("This is not text."), _("Leave it out, or save it as text."))
    JSON_BROKEN = (_("This line is not valid JSON."), _("Write one JSON object a line."))
    JSON_OBJECT = (_("This is not a JSON object."), _('Write each row as {"column": value}.'))
    COLUMNS = (
        _("This row has another number of values than the header."),
        _("Put values that hold a comma or a line break in double quotes."),
    )
    COLUMN_NAME = (
        _("This column is left out: its name is too long, empty or not printable."),
        _("Give it a printable name of up to 100 letters."),
    )
    COLUMN_CLASH = (
        _("This column is left out: another one has this name, but for capitals or spaces."),
        _("Give it a name of its own."),
    )
    COLUMN_VALUES = (
        _("This column is left out: it holds more than short texts and numbers."),
        _("Keep values of up to 200 letters in it, such as the name of a group."),
    )
    COLUMN_COUNT = (
        _("This column is left out: there are 16 further columns before it."),
        _("Remove columns that are not needed."),
    )
    MISSING = (_("This value is missing."), _("Fill it in, or leave the row out."))
    EMPTY = (_("This text is empty."), _("Fill it in, or leave the row out."))
    TYPE = (_("This value is of the wrong type."), _("Use the type of the other rows."))
    SURROGATE = (_("This text has half a character in it."), _("Write it again as UTF-8."))
    MESSAGES = (
        _("The messages are not a list of roles and contents."),
        _('Use [{"role": "user", "content": "…"}, …].'),
    )

    @property
    def reason(self) -> str:
        """The sentence that says what is wrong."""
        return self.value[0]

    @property
    def fix(self) -> str:
        """The sentence that says what to do."""
        return self.value[1]


# An entry that was never going to be a row, or a column; the others are rows that were lost.
_NO_ROW = {
    Reason.LINK,
    Reason.DEVICE,
    Reason.NESTED,
    Reason.OTHER_FORM,
    Reason.UNKNOWN_FORM,
    Reason.COLUMN_NAME,
    Reason.COLUMN_CLASH,
    Reason.COLUMN_VALUES,
    Reason.COLUMN_COUNT,
}


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, and where."""

    file: str
    row: int | None
    field: str
    reason: str
    fix: str


class Findings:
    """The problems of one source: the first ones in full, all of them counted."""

    def __init__(self, *, keep: int) -> None:
        self._keep = keep
        self.problems: list[Problem] = []
        self.count = 0
        self.lost_rows = 0
        self.by_reason: Counter[str] = Counter()

    def add(
        self, reason: Reason, *, file: str = "", row: int | None = None, field: str = ""
    ) -> None:
        """Note one problem."""
        self.count += 1
        self.lost_rows += reason not in _NO_ROW
        self.by_reason[reason.reason] += 1
        if len(self.problems) < self._keep:
            self.problems.append(
                Problem(shown(file), row, shown(field)[:200], reason.reason, reason.fix)
            )

    def as_json(self) -> dict[str, Any]:
        """Return the part of a result that tells of problems."""
        return {
            "problems": [asdict(problem) for problem in self.problems],
            "problem_count": self.count,
        }


def shown(text: str) -> str:
    """Return a stranger's text fit to be stored and shown: printable, and not too long."""
    clean = "".join(char if char.isprintable() else "\ufffd" for char in text)
    return clean if len(clean) <= _TEXT_MAX else clean[: _TEXT_MAX - 1] + "…"
