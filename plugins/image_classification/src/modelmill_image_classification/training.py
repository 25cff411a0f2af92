"""A whole training run, from a dataset to a finished model."""

import copy
from dataclasses import replace

import torch
from modelmill_sdk import TrainRun
from modelmill_sdk.learning.finite import FiniteWatch
from modelmill_sdk.learning.precision import Precision, precision_choose
from modelmill_sdk.learning.together import Together
from torch import nn

from modelmill_image_classification.calibration import temperature_fit
from modelmill_image_classification.drawing_lots import class_weights
from modelmill_image_classification.examples import Examples
from modelmill_image_classification.exports import exports_write
from modelmill_image_classification.heldout import heldout_logits, heldout_scores
from modelmill_image_classification.models import Eyes, model_save
from modelmill_image_classification.numbers import Reals
from modelmill_image_classification.preparation import Prepared, prepare
from modelmill_image_classification.sheets import COLUMNS, answers_sheet
from modelmill_image_classification.trainer import Trainer

_SHEETS = 5
_SHEET_PICTURES = 3 * COLUMNS


def train(run: TrainRun) -> None:
    """Train a classifier on ``run.data["train"]`` and leave it in ``run.model_dir``.

    Raises CustomerError where there is too little to learn from or the training breaks down.
    """
    prepared = prepare(run)
    training = Training(run, prepared)
    training.go()
    if run.rank == 0:
        training.finish()


class Training:
    """One training under way."""

    def __init__(self, run: TrainRun, prepared: Prepared) -> None:
        """Begin anew, or where ``run.resume_from`` stands."""
        self.run, self.prepared, self.plan = run, prepared, prepared.plan
        self.eyes = Eyes(prepared.config).to(run.device)
        self.trainer = self._trainer()
        if run.resume_from is not None:
            self.trainer.restore(run.resume_from)
        else:
            self.trainer.precision = self._precision()
        held = prepared.held
        # Where rare classes learn as much as frequent ones, they also count as much here.
        weights = class_weights(held.counts(len(prepared.config.labels)))
        is_balanced = self.plan.balance != "none"
        self.weights: Reals | None = weights[held.row_labels] if is_balanced else None

    def go(self) -> None:
        """Train to the last step, or until the held-out pictures say that it is enough."""
        run, plan, trainer = self.run, self.plan, self.trainer
        watch = FiniteWatch(device=run.device)
        shown = {round(plan.epochs * (n + 1) / _SHEETS) * plan.steps_per_epoch for n in range(5)}
        while trainer.step < plan.steps and not (trainer.best.is_over or run.is_finishing):
            rate = plan.learning_rate_at(trainer.step)
            loss = trainer.advance()
            step = trainer.step
            watch.check({"loss": loss}, step=step, is_last=step == plan.steps)
            measured = {} if step % plan.steps_per_epoch else self._measure()
            run.progress(step, plan.steps, loss=loss, learning_rate=rate, **measured)
            if step in shown:
                self._show()
            run.checkpoint(step, trainer.save)
        if trainer.best.is_over:
            run.log(
                f"Stopped at step {trainer.step}: the held-out pictures were told apart best at "
                f"step {trainer.best.step}, and {plan.patience} epochs brought nothing better."
            )

    def finish(self) -> None:
        """Go back to the best weights, calibrate them, write them, and report."""
        run, trainer, held = self.run, self.trainer, self.prepared.held
        network = trainer.average.network
        trainer.best.restore(network)
        temperature = 1.0
        if len(held):
            logits = self._logits(network, held)
            temperature = temperature_fit(logits, held.row_labels, self.weights)
            run.report(**heldout_scores(logits / temperature, held.row_labels, self.weights))
        config = replace(self.prepared.config, temperature=temperature)
        model_save(network, config, run.model_dir)
        run.report(
            temperature=temperature,
            best_step=trainer.best.step or trainer.step,
            pictures_seen=trainer.step * self.plan.batch_size,
            weights=sum(weight.numel() for weight in network.parameters()),
            **trainer.facts(),
        )
        exports_write(run, network, config, held=held)

    def _trainer(self) -> Trainer:
        trainer_cls = Trainer
        if self.plan.is_private:
            from modelmill_image_classification.privacy import PrivateTrainer

            trainer_cls = PrivateTrainer
        prepared = self.prepared
        return trainer_cls(
            prepared.network,
            prepared.plan,
            examples=prepared.learned,
            eyes=self.eyes,
            augmentation=prepared.augmentation,
            params=self.run.params,
            classes=len(prepared.config.labels),
            device=self.run.device,
            seed=self.run.seed,
            log=self.run.log,
            together=Together(self.run),
        )

    def _precision(self) -> Precision:
        """Measure on a copy which precision is faster, where that is left to us."""
        trainer, asked = self.trainer, "float32" if self.plan.is_private else None
        network = trainer.network
        pictures, labels = trainer.batch(0)

        def step(precision: Precision) -> None:
            trainer.loss(pictures, labels, precision).backward()  # type: ignore[no-untyped-call]

        trainer.network = copy.deepcopy(network).train()
        chosen = precision_choose(
            asked or self.run.params.precision, device=self.run.device, step=step
        )
        trainer.network = network
        chosen = trainer.together.agreed(chosen)
        if torch.device(self.run.device).type != "cpu":
            self.run.log(f"Computing in {chosen.name}.")
        return chosen

    def _measure(self) -> dict[str, float]:
        """Score the averaged network on the held-out pictures; keep it if it is the best."""
        trainer, held = self.trainer, self.prepared.held
        # The first process measures and decides; the others take steps until they are ended.
        if not len(held) or self.run.rank:
            return {}
        network = trainer.average.network
        logits = self._logits(network, held)
        # Each with the temperature it would get: raw losses of smoothed labels favour the timid.
        logits /= temperature_fit(logits, held.row_labels, self.weights)
        scores = heldout_scores(logits, held.row_labels, self.weights)
        if not self.plan.is_private:
            trainer.best.measure(scores["heldout_loss"], step=trainer.step, network=network)
            # A rate on its way up shakes what was learned; that is no sign of having learned all.
            if self.plan.is_rising_at(trainer.step):
                trainer.best.worse_in_a_row = 0
        return scores

    def _logits(self, network: nn.Module, examples: Examples) -> Reals:
        return heldout_logits(
            network,
            self.eyes,
            examples,
            device=self.run.device,
            precision=self.trainer.precision,
        )

    def _show(self) -> None:
        """Show the same held-out pictures each time, with what is answered now."""
        held, labels = self.prepared.held, self.prepared.config.labels
        if not len(held) or self.run.rank:
            return
        random = torch.Generator().manual_seed(self.run.seed)
        places = torch.randperm(len(held), generator=random)[:_SHEET_PICTURES].numpy()
        few = replace(held, rows=held.rows[places])
        answers = self._logits(self.trainer.average.network, few).argmax(axis=1)
        sheet = answers_sheet(
            held.pixels[few.rows],
            truth=[labels[one] for one in few.row_labels],
            answers=[labels[one] for one in answers],
        )
        self.run.sample("answers", sheet, step=self.trainer.step)
