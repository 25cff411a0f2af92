"""From a model's scores to probabilities, amounts and how wrong they are.

Axes: N rows, K classes (or 1 for an amount).
"""

import numpy as np

from modelmill_tabular.tables import Floats
from modelmill_tabular.targets import Target

_LEAST = 1e-12
_PRIOR_ROWS = 8.0


def softmax(scores: Floats) -> Floats:
    """Give probabilities ``(N, K)``."""
    grown = np.exp(scores - scores.max(axis=1, keepdims=True))
    found: Floats = grown / grown.sum(axis=1, keepdims=True)
    return found


def loss_of(predicted: Floats, wanted: Floats, target: Target) -> float:
    """Give the log loss of probabilities ``(N, K)``, or the root mean square of misses."""
    mean = float(row_losses(predicted, wanted, target).mean())
    return mean if target.is_classes else mean**0.5


def row_losses(predicted: Floats, wanted: Floats, target: Target) -> Floats:
    """Give each row's part of the loss ``(N,)``: its log loss, or its squared miss."""
    if not target.is_classes:
        squares: Floats = (predicted[:, 0] - wanted) ** 2
        return squares
    right = predicted[np.arange(len(wanted)), wanted.astype(np.int64)]
    losses: Floats = -np.log(np.maximum(right, _LEAST))
    return losses


def predicted_of(scores: Floats, target: Target, *, temperature: float = 1.0) -> Floats:
    """Give probabilities ``(N, K)``, or amounts in spreads ``(N, 1)``."""
    return softmax(scores / temperature) if target.is_classes else scores


def temperature_fit(scores: Floats, wanted: Floats, target: Target) -> float:
    """Find the temperature with the least log loss on held-out rows; 1 for amounts.

    Guo et al., "On calibration of modern neural networks", ICML 2017; a search over a fixed grid
    finds the same one everywhere. It is held near 1 as if a few rows said so: a model that happens
    to get all of fifty rows right would otherwise be made as sure as can be.
    """
    if not target.is_classes:
        return 1.0
    grid = np.exp(np.linspace(np.log(0.2), np.log(5.0), 65))
    held = _PRIOR_ROWS * np.log(grid) ** 2 / len(wanted)
    losses = [loss_of(softmax(scores / heat), wanted, target) for heat in grid]
    return float(grid[int(np.argmin(losses + held))])
