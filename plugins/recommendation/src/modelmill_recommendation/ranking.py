"""How well a model guesses what came next, ranked among all items.

Ranking among a sample of items, as is often published, can put models in the wrong order: Krichene
and Rendle, "On sampled metrics for item recommendation", KDD 2020. Nothing here is sampled but, in
a large dataset, the users.
Axes: B questions, I items.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from modelmill_recommendation.holdout import Questions
from modelmill_recommendation.interactions import Ints
from modelmill_recommendation.popularity import Scores

TOP = 10
_AT_ONCE = 256


class Scorer(Protocol):
    """Any of the models."""

    def scores(self, histories: Sequence[Ints]) -> Scores:
        """Score all items after each history, ``(B, I)``; higher is likelier to come next."""


@dataclass(frozen=True, kw_only=True)
class Quality:
    """Full-rank measures over a set of users."""

    ndcg: float
    ndcg_margin: float
    hit_rate: float
    coverage: float

    def metrics(self, prefix: str = "") -> dict[str, float]:
        """Give the measures as metrics to report."""
        return {
            f"{prefix}ndcg_10": self.ndcg,
            f"{prefix}ndcg_10_margin": self.ndcg_margin,
            f"{prefix}hit_rate_10": self.hit_rate,
            f"{prefix}coverage_10": self.coverage,
        }


def quality_measure(model: Scorer, questions: Questions, *, may_repeat: bool) -> Quality:
    """Rank every item after each history, and see where the one stands that came next.

    Items of the history are left out unless ``may_repeat``; a user who came back to one all the
    same counts as a miss. The margin is half of a 95 % interval over users.
    """
    ranks, shown = [], set[int]()
    for first in range(0, len(questions), _AT_ONCE):
        histories = questions.histories[first : first + _AT_ONCE]
        scores = np.array(model.scores(histories), dtype=np.float32)  # (B, I)
        if not may_repeat:
            seen_hide(scores, histories)
        ranks.append(_ranks(scores, questions.answers[first : first + _AT_ONCE]))
        shown.update(np.unique(top_items(scores, TOP)).tolist())
    return _quality(np.concatenate(ranks), len(shown) / scores.shape[1])


def seen_hide(scores: Scores, histories: Sequence[Ints]) -> None:
    """Put what each history holds behind everything else; changes ``scores``."""
    for row, items in zip(scores, histories, strict=True):
        row[items] = -np.inf


def top_items(scores: Scores, k: int) -> Ints:
    """Give the ``k`` best items of each row, best first, ``(B, k)``; of equals the first number."""
    k = min(k, scores.shape[1])
    best = np.sort(np.argpartition(-scores, k - 1, axis=1)[:, :k], axis=1)  # (B, k)
    order = np.argsort(-np.take_along_axis(scores, best, axis=1), axis=1, kind="stable")
    return np.take_along_axis(best, order, axis=1)


def _ranks(scores: Scores, answers: Ints) -> Ints:
    """Give the place of each answer from 0, ``(B,)``; of equals the first number comes first."""
    own = np.take_along_axis(scores, answers[:, None], axis=1)  # (B, 1)
    is_earlier = np.arange(scores.shape[1])[None] < answers[:, None]
    before = (scores > own) | ((scores == own) & is_earlier)
    ranks: Ints = before.sum(axis=1)
    ranks[~np.isfinite(own[:, 0])] = scores.shape[1]
    return ranks


def _quality(ranks: Ints, coverage: float) -> Quality:
    is_hit = ranks < TOP
    gains = np.where(is_hit, 1 / np.log2(ranks + 2.0), 0.0)
    spread = float(gains.std(ddof=1)) if len(gains) > 1 else 0.0
    return Quality(
        ndcg=float(gains.mean()),
        ndcg_margin=1.96 * spread / len(gains) ** 0.5,
        hit_rate=float(is_hit.mean()),
        coverage=coverage,
    )
