"""What can be wrong with a text dataset, in words a customer can act on."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from modelmill_sdk import Problem

if TYPE_CHECKING:
    from modelmill_sdk.data import TrainData

MIN_CHARS_SCRATCH = 1_000
MIN_CHARS_TUNING = 200
_MAX_ROW_PROBLEMS = 100


def find_problems(data: "TrainData", *, method: str) -> Iterator[Problem]:
    """Yield each unusable row, up to a hundred, and whether there is too little text in all."""
    from modelmill_text_generation.corpus import read_rows, text_of

    yield from islice(_row_problems(data), _MAX_ROW_PROBLEMS)
    complaint = too_little_text([text_of(row) for row in read_rows(data, "train")], method=method)
    if complaint is not None:
        yield complaint


def too_little_text(texts: Sequence[str], *, method: str) -> Problem | None:
    """Say whether a method has less text than it needs."""
    char_count = sum(map(len, texts))
    least = MIN_CHARS_SCRATCH if method == "scratch" else MIN_CHARS_TUNING
    if char_count >= least:
        return None
    return Problem(
        reason=f"The text to learn from has {char_count:,} characters; this method needs at least "
        f"{least:,}.",
        fix="Add more text. Good results from scratch begin at about 200,000 characters.",
    )


def _row_problems(data: "TrainData") -> Iterator[Problem]:
    is_conversation = data.kind == "conversations"
    field = "messages" if is_conversation else "text"
    for row, value in enumerate(_values(data, field)):
        if is_conversation:
            said = [message for message in value or () if str(message["content"] or "").strip()]
            if said and all(message["role"] != "assistant" for message in said):
                yield Problem(
                    row=row,
                    field=field,
                    reason="The assistant says nothing in this conversation.",
                    fix="Add a message of the role assistant: only those are learned.",
                )
            is_blank = not said
        else:
            is_blank = not str(value or "").strip()
        if is_blank:
            yield Problem(row=row, field=field, reason="The row is empty.", fix="Remove the row.")


def _values(data: "TrainData", field: str) -> Iterable[Any]:
    if "train" in data:
        for batch in data["train"].iter(batch_size=1_000):
            yield from batch[field]
