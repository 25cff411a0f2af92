"""Answers: from texts to labels with their probabilities.

Axes: B texts, K classes.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from modelmill_text_classification.models import Classifier
from modelmill_text_classification.params import PredictParams

_DIGITS = 6


def answer(
    classifier: Classifier, texts: Sequence[str], params: PredictParams
) -> list[dict[str, Any]]:
    """Give each text's likeliest label, the probabilities of all or the first few, and why."""
    results = []
    for text, chances in zip(texts, classifier.chances(texts), strict=True):
        order = np.argsort(-chances, kind="stable")  # (K,)
        labels = classifier.config.labels
        result: dict[str, Any] = {
            "label": labels[int(order[0])],
            "probability": round(float(chances[order[0]]), _DIGITS),
            "probabilities": {
                labels[int(k)]: round(float(chances[k]), _DIGITS)
                for k in order[: params.top or len(order)]
            },
        }
        if params.explain:
            why = classifier.model.why(text, int(order[0]))
            result["explanation"] = why.as_json(result["label"])
        results.append(result)
    return results
