"""A network's answers about examples that it did not learn from.

Axes: N examples, B batch, K classes.
"""

import numpy as np
import torch
from modelmill_sdk.learning.precision import Precision
from torch import nn

from modelmill_image_classification.calibration import log_loss, probabilities
from modelmill_image_classification.examples import Examples
from modelmill_image_classification.models import Eyes
from modelmill_image_classification.numbers import Numbers, Reals

_BATCH = 128


@torch.inference_mode()
def heldout_logits(
    network: nn.Module, eyes: Eyes, examples: Examples, *, device: str, precision: Precision
) -> Reals:
    """Give the logits of every example, ``(N, K)``."""
    rows = []
    for pixels, _ in examples.batches(_BATCH):
        with precision.autocast():
            logits = network(eyes(torch.from_numpy(pixels).to(device)))  # (B, K)
        rows.append(logits.float().cpu().numpy())
    return np.concatenate(rows).astype(np.float64)


def heldout_scores(logits: Reals, labels: Numbers, weights: Reals | None) -> dict[str, float]:
    """Give the loss that chooses between weights, classes weighted, and the plain accuracy."""
    if weights is None:
        loss = log_loss(probabilities(logits), labels)
    else:
        chances = probabilities(logits)[np.arange(len(labels)), labels]  # (N,)
        loss = float((-np.log(np.maximum(chances, 1e-12)) * weights).mean())
    right = float((logits.argmax(axis=1) == labels).mean())
    return {"heldout_loss": loss, "heldout_accuracy": right}
