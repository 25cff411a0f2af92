"""How good the finished model is on the test rows, beside guessing what is usual."""

import numpy as np
from modelmill_sdk import TrainRun

from modelmill_tabular.measures import (
    amount_measures,
    class_measures,
    confusion_text,
    group_measures,
)
from modelmill_tabular.models import model_load
from modelmill_tabular.preparation import tables_for
from modelmill_tabular.tables import Table, is_missing, table_read
from modelmill_tabular.targets import labels_of, target_values


def evaluate(run: TrainRun) -> dict[str, float]:
    """Measure the model in ``run.model_dir`` on the test split, or else the held-out rows."""
    model = model_load(run.model_dir, run.device)
    table = _test_rows(run, model.target.name)
    wanted = target_values(model.target, table)
    known = ~np.isnan(wanted)
    table, wanted = table.take(known), wanted[known]
    if not len(wanted):
        return {}
    predicted = model.predicted(model.encoder.encode(table))
    measure = class_measures if model.target.is_classes else amount_measures
    found = {**measure(predicted, wanted, model), "rows_measured": float(len(wanted))}
    group = run.params.group
    if group:
        values = table.columns[group]
        is_whole, is_truth = group in table.whole, group in table.truths
        groups = labels_of(values, is_whole=is_whole, is_truth=is_truth)
        found |= group_measures(predicted, wanted, model, groups)
    if model.target.is_classes:
        text = confusion_text(predicted, wanted, model.target.classes)
        run.sample("confusion", text, step=run.step)
    return found


def _test_rows(run: TrainRun, target: str) -> Table:
    table = table_read(run.data, "test")
    if not table.row_count:
        return tables_for(run.data, run.params)[1]
    return table.take(~is_missing(table.columns[target]))
