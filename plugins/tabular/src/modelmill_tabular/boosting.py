"""Gradient-boosted trees by LightGBM, grown a few at a time.

Ke et al., "LightGBM: a highly efficient gradient boosting decision tree", NIPS 2017. Each stage of
trees begins at the scores that the stored text of the earlier ones gives, whether the training was
interrupted or not: a resumed training therefore grows the same trees, byte for byte.
Axes: N rows, F features, K classes (or 1 for an amount).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from modelmill_tabular.encoding import Encoded, Encoder
from modelmill_tabular.scores import loss_of, predicted_of
from modelmill_tabular.tables import Floats
from modelmill_tabular.targets import Target

STAGE_ROUNDS = 10


@dataclass(frozen=True, kw_only=True)
class BoostingPlan:
    """What the trees are grown by."""

    rounds: int
    learning_rate: float
    leaves: int
    patience: int
    threads: int
    seed: int


@dataclass(kw_only=True)
class Grown:
    """The stages so far, as LightGBM writes them, and which were best on held-out rows."""

    stages: list[str] = field(default_factory=list)
    best_loss: float | None = None
    best_stages: int = 0
    worse_in_a_row: int = 0

    @property
    def rounds(self) -> int:
        """Rounds grown, each a tree for each class."""
        return len(self.stages) * STAGE_ROUNDS


class Trees:
    """Finished trees that score rows."""

    def __init__(self, stages: list[str], target: Target) -> None:
        """Read the stages from their texts."""
        import lightgbm

        self._boosters = [lightgbm.Booster(model_str=text) for text in stages]
        self._target = target

    def scores(self, features: Floats) -> Floats:
        """Give scores ``(N, K)`` of features ``(N, F)``."""
        base = np.tile(self._target.base, (len(features), 1))
        found = _outer(base, self._target)
        for booster in self._boosters:
            found = found + _raw(booster, features)
        return _inner(found, self._target)


class Grower:
    """Grows stages on training rows and measures each on held-out ones."""

    def __init__(
        self,
        encoder: Encoder,
        target: Target,
        plan: BoostingPlan,
        *,
        learned: tuple[Encoded, Floats],
        heldout: tuple[Encoded, Floats],
        grown: Grown,
    ) -> None:
        """Go on from ``grown``, which is changed."""
        import lightgbm

        self.target, self.plan, self.grown = target, plan, grown
        self._features = encoder.for_trees(learned[0])
        self._heldout, self._wanted = encoder.for_trees(heldout[0]), heldout[1]
        self._parameters = _parameters(target, plan, row_count=len(self._features))
        self._rows = lightgbm.Dataset(
            self._features,
            label=learned[1],
            categorical_feature=list(range(encoder.number_count, self._features.shape[1])),
            params=self._parameters,
            free_raw_data=False,
        )
        kept = Trees(grown.stages, target)
        self._scores = _outer(kept.scores(self._features), target)
        self._heldout_scores = _outer(kept.scores(self._heldout), target)

    @property
    def is_over(self) -> bool:
        """Whether all rounds are grown, or patience has run out."""
        patience, grown = self.plan.patience, self.grown
        return grown.rounds >= self.plan.rounds or 0 < patience <= grown.worse_in_a_row

    def advance(self, on_round: Callable[[int], None]) -> float:
        """Grow one stage; give the held-out loss. ``on_round`` hears of each round's number."""
        import lightgbm

        grown = self.grown
        began = grown.rounds
        self._rows.set_init_score(self._scores if self.target.outputs > 2 else self._scores[:, 0])

        def tell(state: Any) -> None:
            on_round(began + state.iteration + 1)

        parameters = {**self._parameters, "seed": self.plan.seed % 2**31 + len(grown.stages)}
        booster = lightgbm.train(
            parameters, self._rows, num_boost_round=STAGE_ROUNDS, callbacks=[tell]
        )
        text = booster.model_to_string()
        booster = lightgbm.Booster(model_str=text)
        grown.stages.append(text)
        self._scores = self._scores + _raw(booster, self._features)
        self._heldout_scores = self._heldout_scores + _raw(booster, self._heldout)
        return self._measure()

    def _measure(self) -> float:
        grown = self.grown
        scores = _inner(self._heldout_scores, self.target)
        loss = loss_of(predicted_of(scores, self.target), self._wanted, self.target)
        if grown.best_loss is None or loss < grown.best_loss:
            grown.best_loss, grown.best_stages = loss, len(grown.stages)
            grown.worse_in_a_row = 0
        else:
            grown.worse_in_a_row += 1
        return loss


def _parameters(target: Target, plan: BoostingPlan, *, row_count: int) -> dict[str, Any]:
    objective: dict[str, Any] = {"objective": "regression"}
    if target.is_classes:
        objective = {"objective": "binary"}
        if len(target.classes) > 2:
            objective = {"objective": "multiclass", "num_class": len(target.classes)}
    return {
        **objective,
        "learning_rate": plan.learning_rate,
        "num_leaves": plan.leaves,
        # With few rows a leaf of twenty would leave no tree at all.
        "min_data_in_leaf": max(3, min(20, row_count // 50)),
        "min_data_per_group": max(5, min(100, row_count // 50)),
        "lambda_l2": 1.0,
        "feature_fraction": 0.8,
        "bagging_fraction": 0.8,
        "bagging_freq": 1,
        "boost_from_average": False,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": plan.threads,
        "verbosity": -1,
    }


def _raw(booster: Any, features: Floats) -> Floats:
    """Give what a stage adds, ``(N, 1)`` or ``(N, K)``; two classes are one score."""
    found: Floats = booster.predict(features, raw_score=True).reshape(len(features), -1)
    return found


def _outer(scores: Floats, target: Target) -> Floats:
    """Give scores as LightGBM counts them: of two classes, the second over the first."""
    return scores[:, 1:] - scores[:, :1] if target.outputs == 2 else scores


def _inner(scores: Floats, target: Target) -> Floats:
    """Give scores as one for each class."""
    return np.concatenate((np.zeros_like(scores), scores), 1) if target.outputs == 2 else scores
