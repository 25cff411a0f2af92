"""Learning a linear model: one step for each strength that is tried.

Axes: N texts, F n-grams, K classes.
"""

from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from modelmill_sdk import TrainRun

from modelmill_text_classification.heldout import Score, score_of
from modelmill_text_classification.ledger import Ledger
from modelmill_text_classification.linear import LinearModel, linear_fit
from modelmill_text_classification.plans import Method, linear_kinds, strengths_for
from modelmill_text_classification.preparation import Prepared
from modelmill_text_classification.tfidf import tfidf_learn

# Weights of all classes together: 256 MB on the way, half of that in the file.
_MOST_WEIGHTS = 32_000_000
_MOST_FEATURES = 400_000

_FIELDS = ("accuracy", "negative_loss", "temperature")


def linear_learn(
    run: TrainRun,
    prepared: Prepared,
    ledger: Ledger,
    method: Method,
    *,
    current: dict[str, Any],
    total: int,
) -> None:
    """Try every strength and enter the best; those of a checkpoint are not tried again."""
    classes = len(prepared.labels)
    most = min(_MOST_FEATURES, _MOST_WEIGHTS // classes)
    kinds = linear_kinds(method, is_ideographic=prepared.is_ideographic)
    tfidf, rows = tfidf_learn(prepared.learned.texts, kinds, most=most)
    held = tfidf.transform(prepared.held.texts)
    strengths = strengths_for(method, len(prepared.learned))
    losses: list[list[float]] = current.get("scores", [])
    scores = [Score(**dict(zip(_FIELDS, values, strict=True))) for values in losses]
    best: LinearModel | None = None

    def save(folder: Path) -> None:
        kept = [[getattr(one, name) for name in _FIELDS] for one in scores]
        ledger.save(folder, current={"scores": kept})

    for strength in strengths[len(scores) :]:
        if scores and run.is_finishing:
            break
        model = _fitted(prepared, rows, tfidf, strength)
        scores.append(score_of(_logits(model, held), prepared.held.labels, prepared.held_weights))
        # None stays where the best is one of a checkpoint's, and was not kept.
        best = model if max(scores) is scores[-1] else best
        step = ledger.steps + len(scores)
        run.progress(step, total, strength=strength, **scores[-1].metrics())
        # The last one is entered first: what is saved then is the whole method.
        if len(scores) < len(strengths):
            run.checkpoint(step, save)
    winner = scores.index(max(scores))
    if best is None:
        best = _fitted(prepared, rows, tfidf, strengths[winner])
    run.log(
        f"Linear model on {'words' if method == 'words' else 'words and pieces of words'}: "
        f"{rows.shape[1]:,} n-grams, strength {strengths[winner]:g}, held-out accuracy "
        f"{scores[winner].accuracy:.4f}."
    )
    ledger.add(method, best, steps=len(strengths), score=scores[winner])


def _fitted(prepared: Prepared, rows: sp.csr_matrix, tfidf: Any, strength: float) -> LinearModel:
    weights, bias = linear_fit(
        rows,
        prepared.learned.labels,
        classes=len(prepared.labels),
        strength=strength,
        is_balanced=prepared.weights is not None,
    )
    return LinearModel(tfidf=tfidf, weights=weights, bias=bias)


def _logits(model: LinearModel, held: sp.csr_matrix) -> Any:
    return model.logits_of(held) if held.shape[0] else np.zeros((0, len(model.bias)))
