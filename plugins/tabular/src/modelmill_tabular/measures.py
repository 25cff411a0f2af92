"""Measures of quality on rows that nothing was learned from or chosen by.

Axes: N rows, K classes.
"""

from collections.abc import Iterator

import numpy as np
from modelmill_sdk.metrics import metric_of

from modelmill_tabular.choosing import interval_width
from modelmill_tabular.models import RowModel
from modelmill_tabular.scores import loss_of
from modelmill_tabular.tables import Bools, Floats, Ints

COVERAGE = 0.9
_BINS = 10
_LEAST_OF_GROUP = 10
_MOST_GROUPS = 10


def class_measures(predicted: Floats, wanted: Floats, model: RowModel) -> dict[str, float]:
    """Measure probabilities ``(N, K)`` against class numbers ``(N,)``."""
    from sklearn.metrics import f1_score, roc_auc_score

    answers = wanted.astype(np.int64)
    labels = predicted.argmax(axis=1)
    hits = labels == answers
    recalls = [float(hits[answers == k].mean()) for k in np.unique(answers)]
    usual = np.tile(np.array(model.target.shares), (len(answers), 1))
    found = {
        "accuracy": float(hits.mean()),
        "accuracy_margin": _margin(hits.astype(np.float64)),
        "balanced_accuracy": float(np.mean(recalls)),
        "macro_f1": float(f1_score(answers, labels, average="macro")),
        "log_loss": loss_of(predicted, wanted, model.target),
        "calibration_error": calibration_error(predicted, answers),
        "baseline_accuracy": float((usual.argmax(axis=1) == answers).mean()),
        "baseline_log_loss": loss_of(usual, wanted, model.target),
    }
    if len(model.target.classes) == 2 and len(np.unique(answers)) == 2:
        found["roc_auc"] = float(roc_auc_score(answers, predicted[:, 1]))
    return found


def amount_measures(predicted: Floats, wanted: Floats, model: RowModel) -> dict[str, float]:
    """Measure amounts in spreads; what is given back is in the target's own unit."""
    spread = model.target.spread
    misses = np.abs(predicted[:, 0] - wanted)
    width = interval_width(model.misses, coverage=COVERAGE)
    variance = float(np.mean((wanted - wanted.mean()) ** 2))
    return {
        "rmse": spread * float(np.sqrt(np.mean(misses**2))),
        "mae": spread * float(misses.mean()),
        "mae_margin": spread * _margin(misses),
        "r2": 1 - float(np.mean(misses**2)) / max(variance, 1e-12),
        "interval_coverage_90": float((misses <= width).mean()),
        "interval_half_width_90": spread * width,
        "baseline_rmse": spread * float(np.sqrt(np.mean(wanted**2))),
        "baseline_mae": spread * float(np.abs(wanted).mean()),
    }


def group_measures(
    predicted: Floats, wanted: Floats, model: RowModel, groups: list[str | None]
) -> dict[str, float]:
    """Measure each of the largest groups: accuracy or mean miss, and the gap between them."""
    is_classes = model.target.is_classes
    if is_classes:
        each = (predicted.argmax(axis=1) == wanted).astype(np.float64)
    else:
        each = model.target.spread * np.abs(predicted[:, 0] - wanted)
    name = "accuracy" if is_classes else "mae"
    found = {metric_of(name, group): float(each[rows].mean()) for group, rows in _groups(groups)}
    if found:
        found[f"{name}_gap_of_groups"] = max(found.values()) - min(found.values())
    return found


def calibration_error(predicted: Floats, answers: Ints) -> float:
    """Give how far the likeliest class's probability is from how often it is right, on average."""
    sure = predicted.max(axis=1)
    hits = predicted.argmax(axis=1) == answers
    bins = np.minimum((sure * _BINS).astype(int), _BINS - 1)
    gaps = [
        abs(float(sure[bins == b].mean()) - float(hits[bins == b].mean()))
        * float((bins == b).mean())
        for b in np.unique(bins)
    ]
    return float(sum(gaps))


def confusion_text(predicted: Floats, wanted: Floats, classes: list[str]) -> str:
    """Write how often each class was taken for each; the most frequent twelve classes."""
    labels, answers = predicted.argmax(axis=1), wanted.astype(np.int64)
    counts = np.zeros((len(classes), len(classes)), dtype=np.int64)
    np.add.at(counts, (answers, labels), 1)
    shown = np.sort(np.argsort(-counts.sum(axis=1), kind="stable")[:12])
    names = [classes[k][:14] for k in shown]
    width = max(6, *(len(name) for name in names)) + 2
    lines = ["Rows: what it was. Columns: what was predicted."]
    lines.append(" " * width + "".join(f"{name:>{width}}" for name in names))
    for name, row in zip(names, counts[np.ix_(shown, shown)].tolist(), strict=True):
        lines.append(f"{name:<{width}}" + "".join(f"{count:>{width}}" for count in row))
    return "\n".join(lines)


def _groups(groups: list[str | None]) -> Iterator[tuple[str, Bools]]:
    named = np.array(["(none)" if group is None else group for group in groups])
    found, counts = np.unique(named, return_counts=True)
    for place in np.argsort(-counts, kind="stable")[:_MOST_GROUPS]:
        if counts[place] >= _LEAST_OF_GROUP:
            yield str(found[place]), named == found[place]


def _margin(values: Floats) -> float:
    """Give half of a 95 % interval of a mean."""
    return 1.96 * float(values.std(ddof=1)) / len(values) ** 0.5 if len(values) > 1 else 0.0
