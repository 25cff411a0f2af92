"""Learning a network: epochs over the texts, the best one by the held-out texts kept.

Axes: N texts, T tokens, K classes.
"""

import copy
from pathlib import Path
from typing import Any

import numpy as np
import torch
from modelmill_sdk import TrainRun, seed_everything
from modelmill_sdk.learning.finite import FiniteWatch
from modelmill_sdk.learning.precision import Precision, precision_choose
from modelmill_sdk.learning.together import Together

from modelmill_text_classification.encoders import encoder_base
from modelmill_text_classification.heldout import Score, score_of
from modelmill_text_classification.ledger import Ledger
from modelmill_text_classification.networks import Network, Shape, network_new
from modelmill_text_classification.neural import NeuralModel
from modelmill_text_classification.plans import Method, network_plan
from modelmill_text_classification.preparation import Prepared
from modelmill_text_classification.readers import HashedReader, Reader, WordReader
from modelmill_text_classification.trainer import Trainer
from modelmill_text_classification.words import text_plain, words_of

_CURRENT = "network"
_BUCKETS, _PRIVATE_BUCKETS = 1 << 17, 1 << 12
_WIDTHS = {"bag": 32, "lstm": 96}
_PRIVATE_WIDTH = 16
_VOCABULARY = 20_000
_LONGEST = {"bag": 512, "lstm": 160, "encoder": 160}


class NetworkLearning:
    """One network of a training under way."""

    def __init__(self, run: TrainRun, prepared: Prepared, ledger: Ledger, method: Method) -> None:
        """Build the network and its trainer, at step 0."""
        if run.device.startswith("cpu"):
            torch.set_num_threads(run.threads)
        seed_everything(run.seed)
        self.run, self.prepared, self.ledger, self.method = run, prepared, ledger, method
        self.plan = network_plan(run.params, method, rows=len(prepared.learned), device=run.device)
        network, reader, shape = self._new()
        self.model = NeuralModel(
            network=network.to(run.device), reader=reader, shape=shape, device=run.device
        )
        self.held = [reader.ids(text) for text in prepared.held.texts]
        self.trainer = self._trainer([reader.ids(text) for text in prepared.learned.texts])

    def learn(self, *, current: dict[str, Any], total: int) -> None:
        """Go on where a checkpoint stands, or begin, and enter the best epoch in the ledger."""
        run, trainer, plan = self.run, self.trainer, self.plan
        if current:
            assert run.resume_from is not None
            trainer.restore(run.resume_from / _CURRENT)
        else:
            trainer.precision = self._precision()
        before, watch = self.ledger.steps, FiniteWatch(device=run.device)
        run.log(
            f"Network {self.method}: {plan.epochs} epochs of {plan.steps_per_epoch} steps of "
            f"{plan.batch_size} texts; learning rate {plan.learning_rate:.3g}."
        )
        while trainer.step < plan.steps and not (trainer.best.is_over or run.is_finishing):
            rate = trainer.rate
            loss = trainer.advance()
            step = trainer.step
            watch.check({"loss": loss}, step=step, is_last=step == plan.steps)
            measured = {} if step % plan.steps_per_epoch else self._measure()
            run.progress(before + step, total, loss=loss, learning_rate=rate, **measured)
            if step < plan.steps and not trainer.best.is_over:
                run.checkpoint(before + step, self._save)
        self._finish()

    def _finish(self) -> None:
        trainer, network = self.trainer, self.model.network
        if not self.plan.is_private:
            trainer.best.restore(network)
        score = self._score()
        self.run.report(**trainer.facts())
        self.run.log(
            f"Network {self.method}: best at step {trainer.best.step or trainer.step}, held-out "
            f"accuracy {score.accuracy:.4f}."
        )
        self.ledger.add(self.method, self.model, steps=trainer.step, score=score)

    def _new(self) -> tuple[Network, Reader, Shape]:
        params, classes = self.run.params, len(self.prepared.labels)
        longest = params.max_tokens or self._longest()
        if self.method == "encoder":
            network, pieces = encoder_base(
                params.base, classes=classes, max_tokens=longest, dropout=params.dropout
            )
            return network, pieces, Shape(method="encoder", classes=classes)
        reader: Reader
        if self.method == "bag":
            buckets = _PRIVATE_BUCKETS if self.plan.is_private else _BUCKETS
            order = 3 if self.prepared.is_ideographic else 2
            reader = HashedReader(buckets=buckets, order=order, max_tokens=longest)
            vocabulary = buckets
        else:
            texts = self.prepared.learned.texts
            reader = WordReader.learn(texts, most=_VOCABULARY, max_tokens=longest)
            vocabulary = len(reader.words)
        shape = Shape(
            method=self.method,
            classes=classes,
            vocabulary=vocabulary,
            width=_PRIVATE_WIDTH if self.plan.is_private else _WIDTHS[self.method],
            dropout=0.0 if self.plan.is_private else params.dropout,
            is_sparse=self.method == "bag" and not self.plan.is_private,
        )
        return network_new(shape), reader, shape

    def _longest(self) -> int:
        """Give what all but one in fifty texts fit into, within reason."""
        some = self.prepared.learned.texts[:: max(1, len(self.prepared.learned) // 1_000)]
        lengths = [len(words_of(text_plain(text))) for text in some]
        # A tokenizer of pieces makes somewhat more of a text than it has words.
        fitting = int(np.quantile(lengths, 0.98) * 1.3) + 3
        return max(8, min(_LONGEST[self.method], fitting))

    def _trainer(self, rows: list[list[int]]) -> Trainer:
        run, params = self.run, self.run.params
        options: dict[str, Any] = {}
        trainer_cls: type[Trainer] = Trainer
        if self.plan.is_private:
            from modelmill_text_classification.privacy import PrivateTrainer

            trainer_cls = PrivateTrainer
            options = {"epsilon": params.privacy_epsilon, "delta": params.privacy_delta}
        return trainer_cls(
            self.model.network,
            self.plan,
            rows=rows,
            labels=self.prepared.learned.labels,
            weights=self.prepared.weights,
            device=run.device,
            seed=run.seed,
            log=run.log,
            together=Together(run),
            **options,
        )

    def _precision(self) -> Precision:
        """Measure on a copy which precision is faster, where that is left to us."""
        trainer = self.trainer
        network, first = trainer.network, np.arange(min(len(trainer.rows), self.plan.batch_size))
        ids, labels = trainer.batch(first)

        def step(precision: Precision) -> None:
            trainer.loss(ids, labels, precision).backward()  # type: ignore[no-untyped-call]

        asked = "float32" if self.plan.is_private else self.run.params.precision
        if self.run.device.startswith("cpu") and asked == "auto":
            return trainer.precision
        # Moved, though it is there already: that lays an LSTM's weights side by side, as cuDNN
        # wants them, and a copy alone does not.
        trainer.network = copy.deepcopy(network).to(self.run.device).train()
        chosen = precision_choose(asked, device=self.run.device, step=step)
        trainer.network = network
        chosen = trainer.together.agreed(chosen)
        self.run.log(f"Computing in {chosen.name}.")
        return chosen

    def _score(self) -> Score:
        logits = self.model.logits_of(self.held) if self.held else np.zeros((0, 1))
        return score_of(logits, self.prepared.held.labels, self.prepared.held_weights)

    def _measure(self) -> dict[str, float]:
        """Score the held-out texts; keep the weights if they are the best so far."""
        # The first process measures and decides; the others take steps until they are ended.
        if not self.held or self.run.rank:
            return {}
        score, trainer = self._score(), self.trainer
        if not self.plan.is_private:
            trainer.best.measure(score.accuracy, step=trainer.step, network=self.model.network)
        return score.metrics()

    def _save(self, folder: Path) -> None:
        self.ledger.save(folder, current={"method": self.method})
        (folder / _CURRENT).mkdir()
        self.trainer.save(folder / _CURRENT)
