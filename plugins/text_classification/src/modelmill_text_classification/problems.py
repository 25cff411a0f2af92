"""What is wrong with a dataset, found before any training time is spent."""

from collections.abc import Iterator
from itertools import islice

import numpy as np
from modelmill_sdk import Problem
from modelmill_sdk.bases import base_folder
from modelmill_sdk.data import TrainData

from modelmill_text_classification.examples import Examples, examples_read
from modelmill_text_classification.numbers import Numbers
from modelmill_text_classification.params import (
    MAX_TEXT_CHARS,
    MIN_PER_CLASS,
    MIN_ROWS,
    TrainParams,
)

_MAX_ROW_PROBLEMS = 100


def dataset_problems(data: TrainData, params: TrainParams) -> Iterator[Problem]:
    """Yield what is wrong with the training split, and with each of its rows.

    Raises CustomerError for a base model that is not there.
    """
    if params.method == "encoder" or params.base:
        base_folder(params.base)
    examples, names = examples_read(data, "train"), data.label_names or []
    counts = examples.counts(len(names))
    refusal = dataset_refusal(counts)
    if refusal is not None:
        yield refusal
    yield from _rare_classes(counts, names)
    if params.groups and "train" in data:
        yield from _groups_missing(params.groups, data["train"].column_names)
    yield from islice(_row_problems(examples), _MAX_ROW_PROBLEMS)


def dataset_refusal(counts: Numbers) -> Problem | None:
    """Say why nothing can be learned at all from so many of each class, or None."""
    if (counts > 0).sum() < 2:
        return Problem(
            reason="All texts have the same label.",
            fix="Add texts of at least one other class.",
            field="label",
        )
    if counts.sum() < MIN_ROWS:
        return Problem(
            reason=f"This dataset has {int(counts.sum())} labelled texts to learn from; at least "
            f"{MIN_ROWS} are needed.",
            fix="Add more texts. Good results begin at about fifty of each class.",
        )
    return None


def _rare_classes(counts: Numbers, names: list[str]) -> Iterator[Problem]:
    for number in np.flatnonzero(counts < MIN_PER_CLASS):
        yield Problem(
            reason=f"The class {names[number]!r} has {counts[number]} texts to learn from.",
            fix=f"Add some, at least {MIN_PER_CLASS}, or remove the class.",
            field="label",
        )


def _groups_missing(groups: str, columns: list[str]) -> Iterator[Problem]:
    if groups not in columns:
        further = [name for name in columns if name not in ("text", "label")]
        named = f"name one of its columns: {', '.join(further)}"
        yield Problem(
            reason=f"The dataset has no column {groups!r} to report groups by.",
            fix=f"Leave groups empty, or {named if further else 'upload the texts with one'}.",
            field="groups",
        )


def _row_problems(examples: Examples) -> Iterator[Problem]:
    for row, text in enumerate(examples.texts):
        if not text.strip():
            yield Problem(row=row, field="text", reason="The text is empty.", fix="Remove the row.")
        elif len(text) > MAX_TEXT_CHARS:
            yield Problem(
                row=row,
                field="text",
                reason=f"The text has {len(text):,} characters; at most {MAX_TEXT_CHARS:,} are "
                "read.",
                fix="Cut it into several rows, or shorten it.",
            )
