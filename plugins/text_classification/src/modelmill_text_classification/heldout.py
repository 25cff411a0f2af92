"""How well answers fit texts that were not learned from: what decides between methods.

Axes: N examples, K classes.
"""

from dataclasses import dataclass

import numpy as np

from modelmill_text_classification.calibration import log_loss, probabilities, temperature_fit
from modelmill_text_classification.numbers import Numbers, Reals


@dataclass(frozen=True, order=True, kw_only=True)
class Score:
    """A score, the better the greater: accuracy first, and among equals the smaller loss.

    Both are weighted where classes are balanced; the loss is the one after calibration.
    """

    accuracy: float
    negative_loss: float
    temperature: float

    def metrics(self) -> dict[str, float]:
        """Give what is shown."""
        return {"heldout_accuracy": self.accuracy, "heldout_loss": -self.negative_loss}


def score_of(logits: Reals, labels: Numbers, weights: Reals | None) -> Score:
    """Score ``logits (N, K)``; without examples everything is as good as anything."""
    if not len(labels):
        return Score(accuracy=0.0, negative_loss=0.0, temperature=1.0)
    temperature = temperature_fit(logits, labels, weights)
    right = logits.argmax(axis=1) == labels  # (N,)
    loss = log_loss(probabilities(logits / temperature), labels, weights)
    return Score(
        accuracy=float(np.average(right, weights=weights)),
        negative_loss=-loss,
        temperature=temperature,
    )
