"""What a training works on: the rows that name their target, encoded and dealt into folds."""

from dataclasses import dataclass

import numpy as np
from modelmill_sdk import CustomerError, TrainRun
from modelmill_sdk.data import TrainData

from modelmill_tabular.columns import columns_learn
from modelmill_tabular.encoding import Encoded, Encoder, encoded_join
from modelmill_tabular.folds import Fold, fold_count, folds_deal
from modelmill_tabular.params import TrainParams
from modelmill_tabular.tables import Floats, Ints, Table, is_missing, table_read
from modelmill_tabular.targets import Target, target_learn, target_name, target_values

LEAST_ROWS = 30
_HELD_SHARE = 10
_IMBALANCE = 0.15

Rows = tuple[Encoded, Floats]


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """Rows, which of them each model learns from and is judged by, and what their columns mean."""

    encoder: Encoder
    target: Target
    rows: Rows
    folds: list[Fold]
    ignored: list[str]

    def learned(self, fold: int) -> Rows:
        """Give the rows that the model of a fold learns from."""
        return self._take(self.folds[fold].learned)

    def heldout(self, fold: int) -> Rows:
        """Give the rows that the model of a fold is judged by."""
        return self._take(self.folds[fold].heldout)

    def _take(self, places: Ints) -> Rows:
        return self.rows[0].take(places), self.rows[1][places]


def prepare(run: TrainRun) -> Prepared:
    """Read and encode the rows. Raises CustomerError where there is nothing to learn."""
    params: TrainParams = run.params
    table, held = tables_for(run.data, params)
    target = target_learn(table, params)
    columns, dropped = columns_learn(table, leave_out={target.name, *params.leave_out})
    if not columns:
        raise CustomerError(
            f"Besides {target.name!r} there is no column to learn from.", param="leave_out"
        )
    encoder = Encoder(columns)
    for name, reason in dropped.items():
        run.log(f"The column {name!r} is left out: {reason}.")
    rows, folds = _folded(
        run, target, rows_of(table, encoder, target), rows_of(held, encoder, target)
    )
    prepared = Prepared(
        encoder=encoder,
        target=target,
        rows=rows,
        folds=folds,
        ignored=[*dropped, *params.leave_out, target.name],
    )
    _tell(run, prepared)
    return prepared


def tables_for(data: TrainData, params: TrainParams) -> tuple[Table, Table]:
    """Give the rows to learn from and those held out, all of which name their target.

    Without a validation split every tenth row is held out. Raises CustomerError where too few
    rows are left, or a column that is asked for is not there.
    """
    table = _answered(table_read(data, "train"), params)
    held = table_read(data, "validation")
    if held.row_count:
        held = _answered(held, params)
    if not held.row_count:
        place = np.arange(table.row_count) % _HELD_SHARE
        table, held = table.take(place != 0), table.take(place == 0)
    names_check(table, params)
    if table.row_count < LEAST_ROWS:
        raise CustomerError(
            f"There are {table.row_count} rows to learn from that name their "
            f"{target_name(table, params)!r}; at least {LEAST_ROWS} are needed."
        )
    return table, held


def names_check(table: Table, params: TrainParams) -> None:
    """Raise CustomerError for a column that is named and not there."""
    asked = [("leave_out", name) for name in params.leave_out]
    asked += [("group", params.group)] if params.group else []
    for param, name in asked:
        if name not in table.columns:
            names = ", ".join(list(table.columns)[:30])
            raise CustomerError(
                f"There is no column {name!r}. The columns are: {names}.", param=param
            )


def rows_of(table: Table, encoder: Encoder, target: Target) -> Rows:
    """Encode a table, less the rows of a class that the training rows do not show."""
    wanted = target_values(target, table)
    known = ~np.isnan(wanted)
    return encoder.encode(table).take(known), wanted[known]


def _folded(run: TrainRun, target: Target, learned: Rows, held: Rows) -> tuple[Rows, list[Fold]]:
    first = len(learned[1])
    both = encoded_join(learned[0], held[0]), np.concatenate((learned[1], held[1]))
    count = fold_count(run.params.folds, row_count=first)
    if count == 1:
        return both, [Fold(np.arange(first), np.arange(first, len(both[1])))]
    # Without test rows the model is measured on those held out: they must stay unseen.
    rows = both if "test" in run.data else learned
    dealt = folds_deal(rows[1], count=count, is_classes=target.is_classes, seed=run.seed)
    return rows, dealt


def _answered(table: Table, params: TrainParams) -> Table:
    return table.take(~is_missing(table.columns[target_name(table, params)]))


def _tell(run: TrainRun, prepared: Prepared) -> None:
    target, encoder = prepared.target, prepared.encoder
    kinds = [column.kind for column in encoder.columns]
    counted = ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))
    what = f"one of {len(target.classes)} classes" if target.is_classes else "an amount"
    folds, row_count = prepared.folds, len(prepared.rows[1])
    parts = f"{row_count:,} rows in {len(folds)} parts, each held out once"
    if len(folds) == 1:
        learned, heldout = len(folds[0].learned), len(folds[0].heldout)
        parts = f"{learned:,} rows to learn from, {heldout:,} to choose by"
    run.log(
        f"{target.name!r} is predicted as {what} from {len(kinds)} columns ({counted}); {parts}."
    )
    if target.is_classes and min(target.shares) < _IMBALANCE / len(target.classes):
        rare = target.classes[int(np.argmin(target.shares))]
        run.log(
            f"{rare!r} is rare ({min(target.shares):.1%}). Probabilities are honest about that; "
            'predict with decision "balanced" to find more of the rare ones, and look at '
            "balanced_accuracy."
        )
