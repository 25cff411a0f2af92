"""What is wrong with a table, found before any training time is spent."""

from collections.abc import Iterator
from itertools import islice

import numpy as np
from modelmill_sdk import Problem
from modelmill_sdk.data import TrainData

from modelmill_tabular.columns import columns_learn
from modelmill_tabular.params import TrainParams
from modelmill_tabular.preparation import tables_for
from modelmill_tabular.tables import is_missing, table_read
from modelmill_tabular.targets import Target, target_learn, target_name

_MOST_ROW_PROBLEMS = 100
_LEAST_OF_CLASS = 2


def dataset_problems(data: TrainData, params: TrainParams) -> Iterator[Problem]:
    """Yield rows without a target, then classes too rare to learn.

    Raises CustomerError for a column that is not there, and for too little to learn from.
    """
    yield from islice(_row_problems(data, params), _MOST_ROW_PROBLEMS)
    table, _ = tables_for(data, params)
    target = target_learn(table, params)
    yield from _rare_classes(target, table.row_count)
    columns, _ = columns_learn(table, leave_out={target.name, *params.leave_out})
    if not columns:
        yield Problem(
            field="leave_out",
            reason=f"Besides {target.name!r} there is no column to learn from.",
            fix="Leave out fewer columns, or add some that say something about the target.",
        )


def _row_problems(data: TrainData, params: TrainParams) -> Iterator[Problem]:
    for split in ("train", "validation", "test"):
        table = table_read(data, split)
        if table.row_count:
            name = target_name(table, params)
            for row in np.flatnonzero(is_missing(table.columns[name])).tolist():
                yield Problem(
                    file=split,
                    row=row,
                    field=name,
                    reason="This row does not say what is to be predicted.",
                    fix="Fill it in, or drop the row.",
                )


def _rare_classes(target: Target, row_count: int) -> Iterator[Problem]:
    for name, share in zip(target.classes, target.shares, strict=True):
        if round(share * row_count) < _LEAST_OF_CLASS:
            yield Problem(
                field=target.name,
                reason=f"The class {name!r} has one row only.",
                fix="Add rows of it, drop it, or join it with another class.",
            )
