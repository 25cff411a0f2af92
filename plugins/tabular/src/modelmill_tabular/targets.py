"""What is predicted: one of a few classes, or an amount.

Axes: N rows, K classes (or 1 for an amount).
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from modelmill_sdk import CustomerError

from modelmill_tabular.params import TrainParams
from modelmill_tabular.tables import Floats, Table, Texts, Values, is_missing

Task = Literal["classification", "regression"]

MOST_CLASSES = 200
_MOST_WHOLE_CLASSES = 20


@dataclass(frozen=True, kw_only=True)
class Target:
    """The predicted column: its classes, or the mean and spread of its amounts."""

    name: str
    task: Task
    classes: list[str]
    shares: list[float]
    mean: float = 0.0
    spread: float = 1.0

    @property
    def is_classes(self) -> bool:
        """Whether a class is predicted."""
        return self.task == "classification"

    @property
    def outputs(self) -> int:
        """Scores that a model gives for each row."""
        return len(self.classes) if self.is_classes else 1

    @property
    def base(self) -> Floats:
        """What is predicted of a row nothing is known of: log shares, or 0 spreads, ``(K,)``."""
        return np.log(np.array(self.shares)) if self.is_classes else np.zeros(1)


def target_name(table: Table, params: TrainParams) -> str:
    """Give the column to predict. Raises CustomerError if there is none of that name."""
    names = list(table.columns)
    if not names:
        raise CustomerError("The table has no rows to learn from.")
    if params.target and params.target not in names:
        raise CustomerError(
            f"There is no column {params.target!r}. The columns are: {', '.join(names[:30])}.",
            param="target",
        )
    return params.target or names[-1]


def target_learn(table: Table, params: TrainParams) -> Target:
    """Learn what is predicted from the rows that say so.

    Raises CustomerError for a target that always is the same, or has no or too many classes.
    """
    name = target_name(table, params)
    values = table.columns[name]
    task = _task(table, name, params)
    if task == "regression":
        return _amount(name, values)
    texts = labels_of(values, is_whole=name in table.whole, is_truth=name in table.truths)
    found, counts = np.unique([text for text in texts if text is not None], return_counts=True)
    if len(found) < 2:
        raise CustomerError(
            f"The column {name!r} holds one class only; there must be two or more.", param="target"
        )
    if len(found) > MOST_CLASSES:
        raise CustomerError(
            f"The column {name!r} holds {len(found):,} different values; at most {MOST_CLASSES} "
            "classes can be told apart. Choose another target, or group the values.",
            param="target",
        )
    shares = (counts / counts.sum()).tolist()
    return Target(name=name, task=task, classes=found.tolist(), shares=shares)


def target_values(target: Target, table: Table) -> Floats:
    """Give each row's class number or its amount in spreads from the mean; NaN for nothing."""
    values = table.columns[target.name]
    if not target.is_classes:
        assert not isinstance(values, Texts)
        return (values - target.mean) / target.spread
    texts = labels_of(
        values, is_whole=target.name in table.whole, is_truth=target.name in table.truths
    )
    numbers: dict[str | None, float] = {text: n for n, text in enumerate(target.classes)}
    return np.array([numbers.get(text, np.nan) for text in texts], dtype=np.float64)


def labels_of(values: Values, *, is_whole: bool, is_truth: bool) -> list[str | None]:
    """Write each value as the name of a class."""
    if isinstance(values, Texts):
        return values.listed()
    if is_truth:
        return [None if np.isnan(v) else "true" if v else "false" for v in values.tolist()]
    written = [f"{v:.0f}" if is_whole else f"{v:g}" for v in np.nan_to_num(values).tolist()]
    gone = is_missing(values)
    return [None if missing else text for missing, text in zip(gone, written, strict=True)]


def _task(table: Table, name: str, params: TrainParams) -> Task:
    values = table.columns[name]
    is_text = isinstance(values, Texts)
    if params.task == "regression" and is_text:
        raise CustomerError(
            f"The column {name!r} holds texts, so it cannot be predicted as an amount.",
            param="task",
        )
    if params.task != "auto":
        return params.task
    if is_text or name in table.truths:
        return "classification"
    assert not isinstance(values, Texts)
    different = len(np.unique(values[~np.isnan(values)]))
    is_few = different <= min(_MOST_WHOLE_CLASSES, max(2, table.row_count // 10))
    return "classification" if name in table.whole and is_few else "regression"


def _amount(name: str, values: Values) -> Target:
    assert not isinstance(values, Texts)
    mean, spread = float(np.nanmean(values)), float(np.nanstd(values))
    if not spread > 0:
        raise CustomerError(
            f"The column {name!r} always holds the same amount; there is nothing to predict.",
            param="target",
        )
    return Target(name=name, task="regression", classes=[], shares=[], mean=mean, spread=spread)
