"""Answers: what to recommend to somebody, and because of what.

Axes: I items, K recommended, N explaining items.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from modelmill_sdk import CustomerError

from modelmill_recommendation.interactions import Ints
from modelmill_recommendation.models import Recommender
from modelmill_recommendation.params import ITEM_KNN, POPULARITY, SASREC, Input, PredictParams
from modelmill_recommendation.popularity import Scores
from modelmill_recommendation.ranking import top_items
from modelmill_recommendation.sasrec import MOST_EXPLAINING

Bools = npt.NDArray[np.bool_]

REASONS = 3
_DIGITS = 6


@dataclass(frozen=True)
class Known:
    """A loaded model with its names turned into numbers."""

    model: Recommender
    item_numbers: dict[str, int]
    user_numbers: dict[str, int]


def known_make(model: Recommender) -> Known:
    """Prepare a model for answering."""
    items = {name: number for number, name in enumerate(model.items)}
    return Known(model, items, {name: number for number, name in enumerate(model.users)})


def recommend(known: Known, inputs: Sequence[Input], params: PredictParams) -> list[dict[str, Any]]:
    """Answer each input by itself, so that company changes no bit of it.

    Raises CustomerError where ``allow`` names no item that the model knows.
    """
    allowed = _allowed(known, params)
    return [_answer(known, one, params, allowed) for one in inputs]


def _answer(known: Known, one: Input, params: PredictParams, allowed: Bools) -> dict[str, Any]:
    model = known.model
    history, unknown = _history(known, one)
    # Whoever brings no history cannot be told from anybody else.
    method = model.served if len(history) else POPULARITY
    scores = model.scorer(method).scores([history])[0]  # (I,)
    is_open = allowed.copy()
    if params.seen == "exclude" or (params.seen == "auto" and not model.may_repeat):
        is_open[history] = False
    best = top_items(np.where(is_open, scores, -np.inf)[None], params.k)[0]  # (K,)
    best = best[is_open[best]]
    shares = _shares(scores, method)
    reasons = _reasons(model, method, history, best) if params.explain else None
    recommended = [
        {"rank": rank, "item": model.items[item], "score": _rounded(shares[item])}
        | ({} if reasons is None else {"because": reasons[rank - 1]})
        for rank, item in enumerate(best.tolist(), start=1)
    ]
    return {
        "user": one.user,
        "model": method,
        "history_items": len(history),
        "recommendations": recommended,
        "unknown_items": unknown,
    }


def _history(known: Known, one: Input) -> tuple[Ints, list[str]]:
    """Give what a user met, kept and brought, oldest first, and what no training showed."""
    user = known.user_numbers.get(one.user or "")
    kept = known.model.histories.of(user) if user is not None else np.zeros(0, dtype=np.int64)
    numbers = [known.item_numbers[name] for name in one.items if name in known.item_numbers]
    unknown = [name for name in one.items if name not in known.item_numbers]
    return np.concatenate((kept, np.array(numbers, dtype=np.int64))), unknown


def _allowed(known: Known, params: PredictParams) -> Bools:
    numbers = known.item_numbers
    allowed = np.full(len(numbers), not params.allow)
    allowed[[numbers[name] for name in params.allow if name in numbers]] = True
    if not allowed.any():
        raise CustomerError(
            "None of the items in allow was in the training data. Name items as the data does.",
            param="allow",
        )
    allowed[[numbers[name] for name in params.deny if name in numbers]] = False
    return allowed


def _shares(scores: Scores, method: str) -> Scores:
    """Give scores that mean something: the network's as the chance of coming next."""
    if method != SASREC:
        return scores
    grown = np.exp(scores.astype(np.float64) - scores.max())
    shares: Scores = (grown / grown.sum()).astype(np.float32)
    return shares


def _reasons(
    model: Recommender, method: str, history: Ints, best: Ints
) -> list[list[dict[str, Any]]]:
    """Name, for each recommended item, the items of the history that speak most for it."""
    if method == POPULARITY or not len(best):
        return [[] for _ in best]
    newest = history[-MOST_EXPLAINING:]
    if method == ITEM_KNN:
        weights = model.item_knn.likeness_of(newest, best)  # (N, K)
    else:
        weights = model.network.contributions(history, best)
    return [_reason(model, newest, column) for column in weights.T]


def _reason(model: Recommender, newest: Ints, weights: Scores) -> list[dict[str, Any]]:
    found: dict[int, float] = {}
    for item, weight in zip(newest.tolist(), weights.tolist(), strict=True):
        found[item] = found.get(item, 0.0) + weight
    first = sorted((pair for pair in found.items() if pair[1] > 0), key=lambda pair: -pair[1])
    return [
        {"item": model.items[item], "weight": _rounded(weight)} for item, weight in first[:REASONS]
    ]


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")
