"""Why a whole source cannot be used: every sentence a customer can meet, in one place."""

from enum import Enum
from typing import Any


def _(text: str) -> str:
    """Mark a sentence for translation; pages translate it when they show it."""
    return text


class Refusal(Enum):
    """A stable code, and a sentence with named places."""

    UNSAFE_NAME = (
        "unsafe_archive",
        _(
            "The archive has an entry that climbs out of its folder: “%(name)s”. "
            "Pack it again with plain relative names."
        ),
    )
    UNSAFE_HEADER = ("unsafe_archive", _("The archive has a header of an absurd size."))
    BOMB = (
        "archive_bomb",
        _(
            "The archive unpacks to far more than its size allows. "
            "Pack it again, or split it into several files."
        ),
    )
    BROKEN_ARCHIVE = (
        "broken_archive",
        _("The archive is broken or cut off. Pack and send it again."),
    )
    TOO_MANY_ENTRIES = (
        "too_many_entries",
        _("The archive has more than %(most)d entries. Send a Parquet file, or several archives."),
    )
    NESTED = ("nested_archive", _("Archives inside archives are not opened."))
    UNKNOWN_FORM = (
        "unknown_form",
        _(
            "This is a %(form)s file, which cannot be read here. Send a zip of pictures, "
            "or a text, JSONL, CSV or Parquet file."
        ),
    )
    WRONG_CONTENT = (
        "wrong_content",
        _("The file's name ends in %(ending)s, and its content is something else."),
    )
    NOTHING_KNOWN = (
        "no_rows",
        _(
            "There is nothing in this archive that can be read: no pictures, no text, "
            "no JSONL, CSV or Parquet files."
        ),
    )
    NO_RECORDS = ("no_rows", _("There is not one readable row in this file."))
    EMPTY = ("no_rows", _("There is nothing in this file."))
    ALL_BAD = ("no_rows", _("No row of this file can be used. The first problem: %(reason)s"))
    TOO_MANY_PROBLEMS = (
        "too_many_problems",
        _(
            "%(bad)d rows have problems and only %(good)d are good. "
            "Correct the file and send it again."
        ),
    )
    WRONG_ENCODING = (
        "wrong_encoding",
        _("%(file)s, line %(line)d: this is not UTF-8 text. Save the file as UTF-8."),
    )
    JSON_TOO_LARGE = (
        "json_too_large",
        _("A JSON array of this size cannot be read. Write one JSON object a line (JSONL)."),
    )
    BROKEN_JSON = ("broken_json", _("%(file)s is not valid JSON."))
    BROKEN_CSV = (
        "broken_csv",
        _("%(file)s, line %(line)d: this is not valid CSV. Is a quote never closed?"),
    )
    HEADER_SIZE = ("bad_header", _("A CSV file needs a header of 1 to %(most)d names."))
    HEADER_NAMES = ("bad_header", _("Each column of a CSV file needs a name of its own."))
    COLUMNS = (
        "bad_columns",
        _("A table may have at most %(most)d columns, with printable names of up to 100 letters."),
    )
    LABELS = (
        "too_many_labels",
        _("There are more than %(most)d different labels. Is “label” really a class?"),
    )
    PARQUET_GROUP = (
        "parquet_group_too_large",
        _("The Parquet file has row groups over 512 MB. Write it with smaller ones."),
    )
    BROKEN_PARQUET = ("broken_parquet", _("%(file)s is a broken or cut off Parquet file."))
    TOO_SLOW = (
        "took_too_long",
        _("Reading this file took too long. Split it into smaller files."),
    )
    UNREADABLE = (
        "unreadable",
        _("This file could not be read: it is broken or far too complex."),
    )
    FILE_DELETED = ("file_deleted", _("The file was deleted before it was checked."))
    NOT_CHECKED = (
        "check_failed",
        _("This file could not be checked. Send it again, or ask the operator."),
    )

    def as_json(self, **params: Any) -> dict[str, Any]:
        """Return the code, the English sentence, and what a page needs to translate it."""
        code, template = self.value
        return {
            "code": code,
            "message": template % params if params else template,
            "template": template,
            "params": params,
        }


class Refused(Exception):
    """The whole source cannot be used; ``error`` goes to the customer."""

    def __init__(self, refusal: Refusal, **params: Any) -> None:
        self.error = refusal.as_json(**params)
        super().__init__(self.error["message"])
