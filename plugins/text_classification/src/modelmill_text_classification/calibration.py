"""Probabilities that mean what they say.

Guo et al.: "On calibration of modern neural networks", ICML 2017: one temperature divides all
logits, chosen on held-out examples; the expected calibration error is how far confidence and
accuracy are apart, on average over bins of confidence.

Axes: N examples, K classes.
"""

import math

import numpy as np

from modelmill_text_classification.numbers import Numbers, Reals

_BINS = 15
# Fewer held-out examples than this say too little about confidence.
MIN_EXAMPLES = 20
_LOWEST, _HIGHEST = 0.02, 20.0
_HALVINGS = 24


def temperature_fit(logits: Reals, labels: Numbers, weights: Reals | None = None) -> float:
    """Find the temperature with the least log loss for ``logits (N, K)``, by bisection.

    The loss is convex in the temperature's inverse. 1.0 where there are too few examples.
    """
    if len(labels) < MIN_EXAMPLES:
        return 1.0
    low, high = 1 / _HIGHEST, 1 / _LOWEST
    for _ in range(_HALVINGS):
        middle = math.sqrt(low * high)
        if _slope(logits, labels, middle, weights) > 0:
            high = middle
        else:
            low = middle
    return 1 / math.sqrt(low * high)


def probabilities(logits: Reals) -> Reals:
    """Turn ``logits (N, K)`` into probabilities, ``(N, K)``."""
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: Reals = raised / raised.sum(axis=1, keepdims=True)
    return shares


def log_loss(chances: Reals, labels: Numbers, weights: Reals | None = None) -> float:
    """Mean negative log probability of the true class, examples weighted if asked for."""
    true = np.maximum(chances[np.arange(len(labels)), labels], 1e-12)
    return float(-np.average(np.log(true), weights=weights))


def reliability(chances: Reals, labels: Numbers) -> list[dict[str, float]]:
    """Sort answers into bins of confidence; empty ones are left out."""
    confidence, right = chances.max(axis=1), chances.argmax(axis=1) == labels  # (N,), (N,)
    place = np.minimum((confidence * _BINS).astype(int), _BINS - 1)  # (N,)
    return [
        {
            "low": number / _BINS,
            "high": (number + 1) / _BINS,
            "count": int(inside.sum()),
            "confidence": float(confidence[inside].mean()),
            "accuracy": float(right[inside].mean()),
        }
        for number in range(_BINS)
        if (inside := place == number).any()
    ]


def calibration_error(bins: list[dict[str, float]]) -> float:
    """Expected calibration error of bins, 0 (honest) to 1."""
    total = sum(one["count"] for one in bins)
    apart = sum(one["count"] * abs(one["confidence"] - one["accuracy"]) for one in bins)
    return apart / max(1, total)


def _slope(logits: Reals, labels: Numbers, inverse: float, weights: Reals | None) -> float:
    """Slope of the log loss by the inverse of the temperature."""
    chances = probabilities(logits * inverse)  # (N, K)
    true = logits[np.arange(len(labels)), labels]  # (N,)
    return float(np.average((chances * logits).sum(axis=1) - true, weights=weights))
