"""A whole training run: all trees first, then the networks, then the choice between them."""

from pathlib import Path
from typing import Any

import torch
from modelmill_sdk import TrainRun

from modelmill_tabular.boosting import BoostingPlan, Grower, Grown
from modelmill_tabular.checkpoints import (
    checkpoint_save,
    growns_restore,
    learner_restore,
    taught_restore,
)
from modelmill_tabular.choosing import model_choose
from modelmill_tabular.importance import importance_measure, importance_text
from modelmill_tabular.learning import Learner, NetworkPlan, Taught, steps_for
from modelmill_tabular.models import model_save
from modelmill_tabular.network import NetworkConfig, RowNetwork, network_make
from modelmill_tabular.params import BOOSTING, NETWORK, TrainParams
from modelmill_tabular.preparation import Prepared, prepare

_WIDTH, _BLOCKS = 128, 2


class Training:
    """One training under way: rounds of trees for each fold, then steps of each fold's network."""

    def __init__(self, run: TrainRun) -> None:
        """Prepare the rows, and take up what a checkpoint has."""
        self.run = run
        self.params: TrainParams = run.params
        self.prepared: Prepared = prepare(run)
        self.growns: list[Grown] = growns_restore(run.resume_from)
        self.taught: list[Taught] = taught_restore(run.resume_from, self._network)
        self.learner: Learner | None = None
        self._folds = len(self.prepared.folds)
        rows = len(self.prepared.folds[0].learned)
        steps, self._batch_size = steps_for(self.params.network_steps, row_count=rows)
        self._network_steps = 0 if self.params.model == BOOSTING else steps

    def trees(self) -> None:
        """Grow each fold's trees until its held-out rows say that it is enough."""
        if self.params.model == NETWORK:
            return
        for fold in range(self._folds):
            if fold == len(self.growns):
                if self.run.is_finishing:
                    return
                self.growns.append(Grown())
            if not self._grow(fold):
                return

    def networks(self) -> None:
        """Train each fold's network until its held-out rows say that it is enough."""
        if not self._network_steps:
            return
        while len(self.taught) < self._folds:
            fold = len(self.taught)
            learner = self.learner = self._learner(fold)
            learner_restore(self.run.resume_from, learner, fold=fold)
            if self.run.is_finishing and not learner.step and self._has_model:
                return
            self._teach(learner)
            if not learner.is_over and self.taught:
                return  # half a network would only hold the whole ones back
            learner.best.restore(learner.network)
            self.taught.append(Taught(learner.network, learner.step))

    def finish(self) -> None:
        """Choose, calibrate, explain and save."""
        # Whoever stopped early has come to the end all the same.
        done = max(self.run.step, self._done)
        self.run.progress(done, done)
        model = model_choose(
            self.run,
            self.prepared,
            stages=[one.stages[: one.best_stages] for one in self.growns if one.stages],
            networks=[one.network for one in self.taught],
        )
        heldout = [self.prepared.heldout(fold) for fold in range(model.fold_count(model.served))]
        importance = importance_measure(model, heldout, seed=self.run.seed)
        self.run.sample("importance", importance_text(importance), step=self.run.step)
        model_save(model, self.run.model_dir, importance=importance)

    @property
    def _has_model(self) -> bool:
        return bool(self.taught or any(one.stages for one in self.growns))

    @property
    def _done(self) -> int:
        """Rounds of all trees, and steps of the networks that are finished."""
        return sum(one.rounds for one in self.growns) + sum(one.steps for one in self.taught)

    def _grow(self, fold: int) -> bool:
        """Grow a fold's trees; return whether they are kept."""
        grower = self._grower(fold)
        grown = grower.grown
        begun = self._done - grown.rounds
        to_come = self._folds - fold
        total = begun + to_come * self.params.rounds + self._folds * self._network_steps
        self.run.progress(begun + grown.rounds, total)
        while not (grower.is_over or self.run.is_finishing):
            loss = grower.advance(lambda number: self.run.progress(begun + number, total))
            self.run.progress(begun + grown.rounds, total, boosting_heldout_loss=loss)
            self.run.checkpoint(begun + grown.rounds, self._save)
        if fold and not grower.is_over:
            self.growns.pop()  # half-grown trees would only hold the whole ones back
            return False
        self.run.log(
            f"{self._part(fold)}{grown.rounds} rounds of trees; the held-out rows were predicted "
            f"best after {grown.best_stages * 10}."
        )
        return True

    def _teach(self, learner: Learner) -> None:
        fold, begun = len(self.taught), self._done
        total = begun + (self._folds - fold) * self._network_steps
        while not (learner.is_over or self.run.is_finishing):
            loss, measured = learner.advance()
            self.run.progress(begun + learner.step, total, network_loss=loss, **measured)
            self.run.checkpoint(begun + learner.step, self._save)
        self.run.log(
            f"{self._part(fold)}{learner.step} steps of the network; the held-out rows were "
            f"predicted best after {learner.best.step}."
        )

    def _part(self, fold: int) -> str:
        return f"Part {fold + 1} of {self._folds}: " if self._folds > 1 else ""

    def _grower(self, fold: int) -> Grower:
        params = self.params
        plan = BoostingPlan(
            rounds=params.rounds,
            learning_rate=params.tree_learning_rate,
            leaves=params.leaves,
            patience=params.patience,
            threads=self.run.threads,
            seed=self.run.seed + fold,
        )
        return Grower(**self._common(fold), plan=plan, grown=self.growns[fold])

    def _learner(self, fold: int) -> Learner:
        torch.manual_seed(self.run.seed + fold)
        plan = NetworkPlan(
            steps=self._network_steps,
            batch_size=self._batch_size,
            learning_rate=self.params.learning_rate,
            patience=self.params.patience,
            seed=self.run.seed + fold,
        )
        return Learner(self._network(), **self._common(fold), plan=plan, log=self.run.log)

    def _network(self) -> RowNetwork:
        encoder, target = self.prepared.encoder, self.prepared.target
        config = NetworkConfig(
            numbers=encoder.number_count,
            code_counts=encoder.code_counts,
            outputs=target.outputs,
            width=_WIDTH,
            blocks=_BLOCKS,
            dropout=self.params.dropout,
        )
        return network_make(config, target).to(self.run.device)

    def _common(self, fold: int) -> dict[str, Any]:
        prepared = self.prepared
        return {
            "encoder": prepared.encoder,
            "target": prepared.target,
            "learned": prepared.learned(fold),
            "heldout": prepared.heldout(fold),
        }

    def _save(self, folder: Path) -> None:
        checkpoint_save(folder, self.growns, self.taught, self.learner)


def train(run: TrainRun) -> None:
    """Train on ``run.data`` and leave the model in ``run.model_dir``.

    Raises CustomerError where the data does not suffice or the training breaks down.
    """
    if torch.device(run.device).type == "cpu":
        torch.set_num_threads(run.threads)
    training = Training(run)
    training.trees()
    training.networks()
    training.finish()
