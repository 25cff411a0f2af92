"""A whole training run: trees first, then the network, then the choice between them."""

from pathlib import Path
from typing import Any

import torch
from modelmill_sdk import TrainRun

from modelmill_tabular.boosting import BoostingPlan, Grower, Grown
from modelmill_tabular.checkpoints import checkpoint_save, grown_restore, learner_restore
from modelmill_tabular.choosing import model_choose
from modelmill_tabular.importance import importance_measure, importance_text
from modelmill_tabular.learning import Learner, NetworkPlan, steps_for
from modelmill_tabular.models import model_save
from modelmill_tabular.network import NetworkConfig, network_make
from modelmill_tabular.params import BOOSTING, NETWORK, TrainParams
from modelmill_tabular.preparation import Prepared, prepare

_WIDTH, _BLOCKS = 128, 2


class Training:
    """One training under way; its steps are rounds of trees, then steps of the network."""

    def __init__(self, run: TrainRun) -> None:
        """Prepare the rows, and take up what a checkpoint has."""
        self.run = run
        self.params: TrainParams = run.params
        self.prepared: Prepared = prepare(run)
        self.grown: Grown = grown_restore(run.resume_from)
        self.learner: Learner | None = None
        rows = len(self.prepared.learned[1])
        steps, self._batch_size = steps_for(self.params.network_steps, row_count=rows)
        self._network_steps = 0 if self.params.model == BOOSTING else steps

    def trees(self) -> None:
        """Grow trees until the held-out rows say that it is enough."""
        if self.params.model == NETWORK:
            return
        grower = self._grower()
        total = self.params.rounds + self._network_steps
        self.run.progress(self.grown.rounds, total)
        while not (grower.is_over or self.run.is_finishing):
            loss = grower.advance(lambda number: self.run.progress(number, total))
            self.run.progress(self.grown.rounds, total, boosting_heldout_loss=loss)
            self.run.checkpoint(self.grown.rounds, self._save)
        self.run.log(
            f"{self.grown.rounds} rounds of trees; the held-out rows were predicted best after "
            f"{self.grown.best_stages * 10}."
        )

    def network(self) -> None:
        """Train the network until the held-out rows say that it is enough."""
        if not self._network_steps:
            return
        learner = self.learner = self._learner()
        learner_restore(self.run.resume_from, learner)
        rounds = self.grown.rounds
        if rounds and not learner.step and self.run.is_finishing:
            self.learner = None
            return
        total = rounds + self._network_steps
        while not (learner.is_over or self.run.is_finishing):
            loss, measured = learner.advance()
            self.run.progress(rounds + learner.step, total, network_loss=loss, **measured)
            self.run.checkpoint(rounds + learner.step, self._save)
        self.run.log(
            f"{learner.step} steps of the network; the held-out rows were predicted best after "
            f"{learner.best.step}."
        )
        learner.best.restore(learner.network)

    def finish(self) -> None:
        """Choose, calibrate, explain and save."""
        # Whoever stopped early has come to the end all the same.
        done = self.grown.rounds + (0 if self.learner is None else self.learner.step)
        self.run.progress(max(self.run.step, done), max(self.run.step, done))
        network = None if self.learner is None else self.learner.network
        stages = self.grown.stages[: self.grown.best_stages]
        model = model_choose(self.run, self.prepared, stages=stages, network=network)
        importance = importance_measure(model, self.prepared.heldout, seed=self.run.seed)
        self.run.sample("importance", importance_text(importance), step=self.run.step)
        model_save(model, self.run.model_dir, importance=importance)

    def _grower(self) -> Grower:
        params = self.params
        plan = BoostingPlan(
            rounds=params.rounds,
            learning_rate=params.tree_learning_rate,
            leaves=params.leaves,
            patience=params.patience,
            threads=self.run.threads,
            seed=self.run.seed,
        )
        return Grower(**self._common(), plan=plan, grown=self.grown)

    def _learner(self) -> Learner:
        encoder, target = self.prepared.encoder, self.prepared.target
        config = NetworkConfig(
            numbers=encoder.number_count,
            code_counts=encoder.code_counts,
            outputs=target.outputs,
            width=_WIDTH,
            blocks=_BLOCKS,
            dropout=self.params.dropout,
        )
        torch.manual_seed(self.run.seed)
        network = network_make(config, target).to(self.run.device)
        plan = NetworkPlan(
            steps=self._network_steps,
            batch_size=self._batch_size,
            learning_rate=self.params.learning_rate,
            patience=self.params.patience,
            seed=self.run.seed,
        )
        return Learner(network, **self._common(), plan=plan, log=self.run.log)

    def _common(self) -> dict[str, Any]:
        prepared = self.prepared
        return {
            "encoder": prepared.encoder,
            "target": prepared.target,
            "learned": prepared.learned,
            "heldout": prepared.heldout,
        }

    def _save(self, folder: Path) -> None:
        checkpoint_save(folder, self.grown, self.learner)


def train(run: TrainRun) -> None:
    """Train on ``run.data`` and leave the model in ``run.model_dir``.

    Raises CustomerError where the data does not suffice or the training breaks down.
    """
    if torch.device(run.device).type == "cpu":
        torch.set_num_threads(run.threads)
    training = Training(run)
    training.trees()
    training.network()
    training.finish()
