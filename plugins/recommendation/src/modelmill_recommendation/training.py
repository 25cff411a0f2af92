"""A whole training run, from rows to a finished model.

Both baselines are made first, in seconds; the network is measured beside them while it learns, and
the best of the three on the validation questions is the one that will answer.
"""

from pathlib import Path

import torch
from modelmill_sdk import TrainRun
from modelmill_sdk.learning.precision import Precision, precision_choose
from modelmill_sdk.learning.state import facts_read, state_restore, state_save
from modelmill_sdk.learning.stopping import Best
from modelmill_sdk.learning.together import Together

from modelmill_recommendation.exporting import onnx_write
from modelmill_recommendation.models import Recommender, nobody, recommender_save
from modelmill_recommendation.network import SasRec
from modelmill_recommendation.params import SASREC, TrainParams
from modelmill_recommendation.preparation import Prepared, prepare
from modelmill_recommendation.ranking import Quality
from modelmill_recommendation.recipe import batch_size_for, config_for, recipe_for
from modelmill_recommendation.samples import sample_text
from modelmill_recommendation.sasrec import NetworkScorer
from modelmill_recommendation.trainer import Trainer, batch_loss
from modelmill_recommendation.windows import Windows


class Training:
    """The network's training under way."""

    def __init__(self, run: TrainRun, prepared: Prepared) -> None:
        """Build the network at step 0, or where a checkpoint left it."""
        params: TrainParams = run.params
        self.run, self.prepared, together = run, prepared, Together(run)
        config = config_for(params, device=run.device, items=len(prepared.known.items))
        torch.manual_seed(run.seed)
        self.network = SasRec(config).to(run.device)
        self.windows = Windows(
            prepared.holdout.learned,
            length=config.length,
            batch_size=batch_size_for(params, device=run.device),
            seed=run.seed,
        )
        per_reading = self.windows.order.batches_per_epoch
        recipe = recipe_for(params, config, device=run.device, per_reading=per_reading)
        self.trainer = Trainer(
            self.network,
            recipe,
            precision=self._precision(together),
            seed=run.seed,
            log=run.log,
            together=together,
        )
        self.best = Best(patience=recipe.patience, is_lower_better=False)
        self.scorer = NetworkScorer(self.network)
        run.log(
            f"{recipe.steps} steps of {recipe.batch_size} histories at most, "
            f"{per_reading} steps a reading; width {config.width}, {self.trainer.precision.name}."
        )
        if run.resume_from:
            self._restore(run.resume_from)

    def go(self) -> None:
        """Train to the last step, or until the held-out users say that it is enough."""
        steps = self.trainer.recipe.steps
        self.run.progress(self.trainer.step, steps)
        while self.trainer.step < steps and not (self.best.is_over or self.run.is_finishing):
            loss, rate = self.trainer.advance(self.windows.batch(self.trainer.step))
            measured = self._measure()
            self.run.progress(self.trainer.step, steps, loss=loss, learning_rate=rate, **measured)
            if measured:
                self._show()
            self.run.checkpoint(self.trainer.step, self._save)
        if self.best.is_over:
            self.run.log(
                f"Stopped at step {self.trainer.step}: held-out users were guessed best at step "
                f"{self.best.step}."
            )
        self.best.restore(self.network)

    def _precision(self, together: Together) -> Precision:
        kept = facts_read(self.run.resume_from) if self.run.resume_from else {}
        # Measured once: a second probe could choose otherwise. The first release did not keep it.
        if "is_half" in kept:
            return Precision(torch.device(self.run.device).type, bool(kept["is_half"]))
        batch = self.windows.batch(0).to(self.run.device)

        def step(precision: Precision) -> None:
            part = (0, min(len(batch), 32))
            batch_loss(self.network, batch, part=part, precision=precision).backward()  # type: ignore[no-untyped-call]
            self.network.zero_grad()

        asked = self.run.params.precision
        return together.agreed(precision_choose(asked, device=self.run.device, step=step))

    def _measure(self) -> dict[str, float]:
        step, recipe = self.trainer.step, self.trainer.recipe
        # The first process measures and decides; the others take steps until they are ended.
        if self.run.rank or (step % recipe.measure_every and step != recipe.steps):
            return {}
        quality = self.prepared.quality(self.scorer)
        self.best.measure(quality.ndcg, step=step, network=self.network)
        return {"validation_ndcg_10": quality.ndcg, "validation_hit_rate_10": quality.hit_rate}

    def _show(self) -> None:
        text = sample_text(self.scorer, self.prepared)
        self.run.sample("next items", text, step=self.trainer.step)

    def _save(self, folder: Path) -> None:
        state_save(
            folder,
            networks={"sasrec": self.network},
            optimizers={"adamw": self.trainer.optimizer},
            tensors=self.best.weights,
            facts={
                "step": self.trainer.step,
                "best": self.best.as_json(),
                "is_half": self.trainer.precision.is_half,
            },
        )

    def _restore(self, folder: Path) -> None:
        facts, weights = state_restore(
            folder, networks={"sasrec": self.network}, optimizers={"adamw": self.trainer.optimizer}
        )
        self.trainer.step = facts["step"]
        kept = facts["best"]
        self.best.score, self.best.step = kept["score"], kept["step"]
        self.best.worse_in_a_row, self.best.weights = kept["worse_in_a_row"], weights


def train(run: TrainRun) -> None:
    """Train all three models on ``run.data`` and leave them in ``run.model_dir``.

    Raises CustomerError where the data does not suffice or the training breaks down.
    """
    if torch.device(run.device).type == "cpu":
        torch.set_num_threads(run.threads)
    prepared = prepare(run)
    training = Training(run, prepared)
    training.go()
    if run.rank:
        return
    model = _finish(run, prepared, training)
    recommender_save(model, run.model_dir)
    if run.params.export_onnx:
        onnx_write(run, model)


def _finish(run: TrainRun, prepared: Prepared, training: Training) -> Recommender:
    qualities = {SASREC: prepared.quality(training.scorer), **prepared.baselines}
    served = run.params.served
    if served == "auto":
        served = max(qualities, key=lambda name: qualities[name].ndcg)
    run.log(_verdict(served, qualities, is_chosen=run.params.served == "auto"))
    for name, quality in qualities.items():
        run.report(**{f"validation_{name.replace('-', '_')}_ndcg_10": quality.ndcg})
    run.report(
        served_is_sasrec=served == SASREC,
        best_step=training.best.step,
        items=len(prepared.known.items),
    )
    known, keeps = prepared.known, run.params.keep_histories
    return Recommender(
        served=served,
        network=training.scorer,
        item_knn=prepared.item_knn,
        popularity=prepared.popularity,
        items=known.items,
        users=known.users if keeps else [],
        histories=known.histories if keeps else nobody(),
        may_repeat=known.has_repeats,
    )


def _verdict(served: str, qualities: dict[str, Quality], *, is_chosen: bool) -> str:
    figures = ", ".join(f"{name} {quality.ndcg:.4f}" for name, quality in qualities.items())
    why = "is the best of them and" if is_chosen else "was asked for and"
    worse = ""
    if served != SASREC and is_chosen:
        worse = " The network did not beat it: more histories, or longer ones, may change that."
    return f"NDCG@10 on held-out users: {figures}. {served} {why} answers.{worse}"
