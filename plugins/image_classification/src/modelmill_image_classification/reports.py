"""How good a model is: in all, class by class, and group by group.

Axes: N examples, K classes.
"""

import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from modelmill_sdk.metrics import metric_of

from modelmill_image_classification.calibration import (
    calibration_error,
    log_loss,
    probabilities,
    reliability,
)
from modelmill_image_classification.numbers import Numbers, Reals

REPORT_FILE = "report.json"
# The normal distribution's 97.5 % point, for intervals of 95 %.
_Z = 1.959964
# The largest groups are reported: a column of numbers makes no end of groups.
_MOST_GROUPS = 100
_MOST_GROUP_METRICS = 10


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What a model answered about labelled examples; ``logits (N, K)`` are calibrated."""

    labels: list[str]
    logits: Reals
    truth: Numbers
    temperature: float
    groups: list[str] | None = None

    @property
    def predicted(self) -> Numbers:
        """The likeliest class of each, ``(N,)``."""
        likeliest: Numbers = self.logits.argmax(axis=1)
        return likeliest

    def confusion(self) -> Numbers:
        """Count ``(K, K)``: a row for each true class, a column for each answer."""
        size = len(self.labels)
        cells = self.truth * size + self.predicted  # (N,)
        return np.bincount(cells, minlength=size**2).reshape(size, size)


def report_make(answers: Answers, *, split: str) -> dict[str, Any]:
    """Give everything there is to say, as JSON."""
    confusion = answers.confusion()
    raw = probabilities(answers.logits * answers.temperature)
    bins = reliability(probabilities(answers.logits), answers.truth)
    return {
        "split": split,
        "rows": len(answers.truth),
        "labels": answers.labels,
        "confusion": confusion.tolist(),
        "classes": class_rows(confusion, answers.labels),
        "groups": group_rows(answers),
        "calibration": {
            "temperature": answers.temperature,
            "error_before": calibration_error(reliability(raw, answers.truth)),
            "error": calibration_error(bins),
            "bins": [one.as_json() for one in bins],
        },
        "metrics": metrics_of(answers),
    }


def metrics_of(answers: Answers) -> dict[str, float]:
    """Give the figures that compare two models."""
    confusion, count = answers.confusion(), len(answers.truth)
    right = int(np.trace(confusion))
    low, high = interval(right, count)
    classes = [one for one in class_rows(confusion, answers.labels) if one["rows"]]
    recalls = [float(one["recall"]) for one in classes]
    chances = probabilities(answers.logits)
    metrics = {
        "accuracy": right / count,
        "accuracy_low": low,
        "accuracy_high": high,
        "balanced_accuracy": sum(recalls) / len(recalls),
        "worst_class_recall": min(recalls),
        "macro_f1": sum(float(one["f1"]) for one in classes) / len(classes),
        "log_loss": log_loss(chances, answers.truth),
        "calibration_error": calibration_error(reliability(chances, answers.truth)),
        "most_frequent_class_accuracy": float(confusion.sum(axis=1).max()) / count,
    }
    groups = group_rows(answers)
    if groups:
        shares = [float(one["accuracy"]) for one in groups]
        metrics["worst_group_accuracy"] = min(shares)
        metrics["group_accuracy_gap"] = max(shares) - min(shares)
    for one in sorted(groups, key=lambda one: -int(one["rows"]))[:_MOST_GROUP_METRICS]:
        metrics[metric_of("accuracy", one["group"])] = float(one["accuracy"])
    return metrics


def class_rows(confusion: Numbers, labels: Sequence[str]) -> list[dict[str, Any]]:
    """Give precision, recall and F1 of each class."""
    rows = []
    for number, label in enumerate(labels):
        right = int(confusion[number, number])
        true, answered = int(confusion[number].sum()), int(confusion[:, number].sum())
        rows.append(
            {
                "label": label,
                "rows": true,
                "precision": right / answered if answered else 0.0,
                "recall": right / true if true else 0.0,
                "f1": 2 * right / (true + answered) if true + answered else 0.0,
            }
        )
    return rows


def group_rows(answers: Answers) -> list[dict[str, Any]]:
    """Give accuracy with its interval, and balanced accuracy, of each of the largest groups."""
    groups = np.array(answers.groups or [])
    largest = Counter(answers.groups or []).most_common(_MOST_GROUPS)
    rows = []
    for group in sorted(group for group, _ in largest):
        inside = groups == group
        truth, predicted = answers.truth[inside], answers.predicted[inside]
        right = int((truth == predicted).sum())
        low, high = interval(right, len(truth))
        recalls = [float((predicted[truth == one] == one).mean()) for one in np.unique(truth)]
        rows.append(
            {
                "group": group,
                "rows": len(truth),
                "accuracy": right / len(truth),
                "accuracy_low": low,
                "accuracy_high": high,
                "balanced_accuracy": sum(recalls) / len(recalls),
            }
        )
    return rows


def interval(right: int, count: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share (Wilson, 1927); it holds for few examples, too."""
    share, z2 = right / count, _Z * _Z
    middle = (share + z2 / (2 * count)) / (1 + z2 / count)
    half = _Z * math.sqrt(share * (1 - share) / count + z2 / (4 * count**2)) / (1 + z2 / count)
    return max(0.0, middle - half), min(1.0, middle + half)


def report_write(report: dict[str, Any], folder: Path) -> None:
    """Write a report into a model's folder."""
    text = json.dumps(report, ensure_ascii=False, indent=1)
    (folder / REPORT_FILE).write_text(text + "\n", encoding="utf-8")


def report_text(report: dict[str, Any]) -> str:
    """Give the table of classes, and of groups if there are any, for people."""
    lines = [f"{'class':<24}{'rows':>8}{'precision':>12}{'recall':>9}{'F1':>9}"]
    for one in report["classes"]:
        lines.append(
            f"{one['label'][:23]:<24}{one['rows']:>8}{one['precision']:>12.3f}"
            f"{one['recall']:>9.3f}{one['f1']:>9.3f}"
        )
    for one in report["groups"]:
        lines.append(
            f"group {one['group'][:17]:<18}{one['rows']:>8}   accuracy {one['accuracy']:.3f} "
            f"({one['accuracy_low']:.3f} to {one['accuracy_high']:.3f})"
        )
    return "\n".join(lines)
