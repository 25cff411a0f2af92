"""How much the model leans on each column: the held-out loss with the column's rows mixed up.

Breiman, "Random forests", Machine Learning 2001, section 10. Two columns that say the same share
their importance, so a small figure does not prove that a column is useless.
"""

from collections.abc import Sequence
from functools import reduce

import numpy as np

from modelmill_tabular.encoding import Encoded, encoded_join
from modelmill_tabular.models import RowModel
from modelmill_tabular.preparation import Rows
from modelmill_tabular.scores import loss_of
from modelmill_tabular.tables import Ints

_MOST_ROWS, _LEAST_ROWS = 1_000, 100
_REPEATS = 3
# All columns together, so that it takes seconds with many columns, folds and trees: rows predicted,
# and times that a stage of trees is asked.
_MOST_PREDICTED, _MOST_ASKED = 40_000, 30_000
_SHOWN, _BAR = 15, 30


def importance_measure(model: RowModel, heldout: Sequence[Rows], *, seed: int) -> dict[str, float]:
    """Give the mean rise of the loss for each column, the most important first.

    The held-out rows of all folds are mixed, and each is predicted by its own fold's model. Of a
    model with very many trees only some folds are measured.
    """
    looks = _REPEATS * len(model.encoder.columns)
    heldout = heldout[: _folds_measured(model, len(heldout), looks=looks)]
    most = min(_MOST_ROWS, max(_LEAST_ROWS, _MOST_PREDICTED // looks)) // len(heldout)
    parts = [rows.take(np.arange(min(len(rows), most))) for rows, _ in heldout]
    wanted = np.concatenate([answers[:most] for _, answers in heldout])
    ends = np.cumsum([len(part) for part in parts])
    together = reduce(encoded_join, parts)
    draw = np.random.default_rng((seed, 4))

    def loss(rows: Encoded) -> float:
        every = [
            model.predicted_by(fold, rows.take(places))
            for fold, places in enumerate(np.split(np.arange(len(rows)), ends[:-1]))
        ]
        return loss_of(np.concatenate(every), wanted, model.target)

    before = loss(together)
    rises = {}
    for column in model.encoder.columns:
        features = model.encoder.features_of(column)
        losses = [
            loss(_mixed(together, features, draw.permutation(len(together))))
            for _ in range(_REPEATS)
        ]
        rises[column.name] = float(np.mean(losses)) - before
    return dict(sorted(rises.items(), key=lambda pair: -pair[1]))


def _folds_measured(model: RowModel, count: int, *, looks: int) -> int:
    if not model.stages:
        return count
    asked = looks * np.cumsum([len(stages) for stages in model.stages])
    return min(count, max(1, int((asked <= _MOST_ASKED).sum())))


def importance_text(importance: dict[str, float]) -> str:
    """Draw the first columns as bars."""
    shown = list(importance.items())[:_SHOWN]
    most = max([rise for _, rise in shown], default=0.0)
    width = max([len(name) for name, _ in shown], default=0)
    lines = ["How much worse the predictions get without each column:"]
    for name, rise in shown:
        bar = "█" * round(_BAR * max(0.0, rise) / most) if most > 0 else ""
        lines.append(f"{name:<{width}}  {bar} {rise:.4f}")
    return "\n".join(lines)


def _mixed(rows: Encoded, features: tuple[list[int], list[int]], order: Ints) -> Encoded:
    numbers, codes = rows.numbers.copy(), rows.codes.copy()
    numbers[:, features[0]] = numbers[order][:, features[0]]
    codes[:, features[1]] = codes[order][:, features[1]]
    return Encoded(numbers, codes)
