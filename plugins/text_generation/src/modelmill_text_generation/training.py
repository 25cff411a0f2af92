"""The training loop: the same for a new model, full fine-tuning and adapters."""

import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from modelmill_sdk.learning.finite import FiniteWatch
from modelmill_sdk.learning.memory import Accumulator
from modelmill_sdk.learning.precision import Precision, precision_choose
from modelmill_sdk.learning.together import Together

from modelmill_text_generation.batches import Batch, Windows
from modelmill_text_generation.checkpoints import (
    State,
    learned_weights,
    restore_tensors,
    restore_weights,
    save_checkpoint,
)
from modelmill_text_generation.generation import sample_text
from modelmill_text_generation.graphed import GraphedGradient
from modelmill_text_generation.heldout import heldout_loss, heldout_metrics
from modelmill_text_generation.networks import loss_sum
from modelmill_text_generation.optimizers import (
    learning_rate_at,
    make_optimizers,
    set_learning_rate,
)
from modelmill_text_generation.preparation import Prepared

if TYPE_CHECKING:
    from modelmill_sdk import TrainRun

_FINAL_TOKENS = 200_000
_SAMPLE_TOKENS = 100
_GRADIENT_NORM = 1.0


class Training:
    """One training under way."""

    def __init__(self, run: "TrainRun", prepared: Prepared, state: State) -> None:
        """Take up the training where ``state`` stands, with the checkpoint's tensors if any."""
        self.run, self.prepared, self.state = run, prepared, state
        self.plan, self.model = prepared.plan, prepared.model.to(run.device)
        is_new = run.params.method == "scratch"
        self.optimizers = make_optimizers(
            self.model,
            kind=run.params.optimizer if is_new else "adamw",
            lr=self.plan.learning_rate,
            weight_decay=run.params.weight_decay if is_new else 0.0,
        )
        if run.resume_from is not None:
            restore_tensors(run.resume_from, model=self.model, optimizers=self.optimizers)
        self.learned = [param for param in self.model.parameters() if param.requires_grad]
        self.together = Together(run)
        share = self.together.share(self.plan.batch)
        self.batches = Accumulator(self.plan.batch, log=run.log, rows=share)
        self.batches.part_size = min(
            self.batches.part_size, -(-self.plan.batch // run.params.parts)
        )
        self.finite = FiniteWatch(device=run.device)
        self.precision = self._precision()
        self.state.is_half = self.precision.is_half
        run.log(f"Computing in {self.precision.name}.")
        self.graphed: GraphedGradient | None = None
        if self._is_always_alike():
            self.graphed = GraphedGradient(self.model, self.plan, self.precision, log=run.log)

    def go(self) -> None:
        """Train to the last step, or until the held-out text says that it is enough."""
        self.model.train()
        self.run.progress(self.state.step, self.plan.steps)
        began_at, began_s = self.state.step, time.monotonic()
        while self.state.step < self.plan.steps and not self._is_enough():
            loss, rate = self._step()
            self.state.step += 1
            is_last = self.state.step == self.plan.steps
            self.finite.check({"loss": loss}, step=self.state.step, is_last=is_last)
            measured = self._measure()
            tokens = (self.state.step - began_at) * self.plan.tokens_per_step
            self.run.progress(
                self.state.step,
                self.plan.steps,
                loss=loss,
                learning_rate=rate,
                tokens_per_second=tokens / (time.monotonic() - began_s),
                **measured,
            )
            if self.state.step % self.plan.sample_every == 0:
                self._sample()
            self.run.checkpoint(self.state.step, self._save)
        if self._has_overfitted():
            self.run.log(
                f"Stopped at step {self.state.step}: the held-out text was best read at step "
                f"{self.state.best_step}, and worse {self.state.worse_in_a_row} times since."
            )

    def finish(self) -> None:
        """Go back to the best weights and report what they are worth."""
        if self.state.best:
            restore_weights(self.model, self.state.best)
        loss = self._heldout(_FINAL_TOKENS)
        measured = heldout_metrics(loss, self.prepared.heldout_reading)
        self.run.report(
            **measured,
            best_step=self.state.best_step,
            tokens_seen=self.state.step * self.plan.tokens_per_step,
            weights=sum(param.numel() for param in self.model.parameters()),
        )

    def _step(self) -> tuple[torch.Tensor, float]:
        step = self.state.step + 1
        # Dropout draws from the step's own seed, so that a resumed training needs no generator
        # state to go on exactly as an uninterrupted one; each process's rows have their own.
        torch.manual_seed(self.together.seed(self.run.seed * 1_000_003 + step))
        plan = self.plan
        rate = learning_rate_at(step, steps=plan.steps, warmup=plan.warmup, peak=plan.learning_rate)
        set_learning_rate(self.optimizers, rate)
        loss = self._gradient(self.prepared.learned.at(step))
        loss = self.together.sum(loss, self.learned)
        torch.nn.utils.clip_grad_norm_(self.learned, _GRADIENT_NORM)
        for optimizer in self.optimizers:
            optimizer.step()
        return loss, rate

    def _gradient(self, batch: Batch) -> torch.Tensor:
        """Give the batch's mean loss, its gradient left in the weights."""
        if self.graphed is not None:
            try:
                return self.graphed(batch)
            except torch.OutOfMemoryError:
                self.graphed = None
        count = batch.target_count

        def loss_of(first: int, end: int) -> torch.Tensor:
            part = batch.part(first, end).to(self.run.device)
            # Every learned token weighs the same, however a batch's rows share them.
            share = len(batch) / (end - first) / max(count, 1)
            return loss_sum(self.model, part, self.precision) * share

        return self.batches.backward(loss_of, zero_grad=self._zero_grad)

    def _is_always_alike(self) -> bool:
        """Tell whether every step is the same to a GPU: a new model on stretches of one text."""
        is_new = self.run.params.method == "scratch"
        is_whole = self.batches.part_size == self.plan.batch and self.run.world_size == 1
        is_even = isinstance(self.prepared.learned, Windows)
        return next(self.model.parameters()).is_cuda and is_new and is_whole and is_even

    def _zero_grad(self) -> None:
        for optimizer in self.optimizers:
            optimizer.zero_grad()

    def _precision(self) -> Precision:
        if self.state.is_half is not None:
            # Measured once: a second probe could choose otherwise.
            return Precision(torch.device(self.run.device).type, self.state.is_half)
        asked = self.run.params.precision
        chosen = precision_choose(asked, device=self.run.device, step=self._probe)
        return self.together.agreed(chosen)

    def _probe(self, precision: Precision) -> None:
        batch = self.prepared.learned.at(1)
        part = batch.part(0, self.batches.part_size).to(self.run.device)
        loss_sum(self.model, part, precision).backward()  # type: ignore[no-untyped-call]
        self._zero_grad()

    def _measure(self) -> dict[str, float]:
        state, plan = self.state, self.plan
        # The first process measures and decides; the others take steps until they are ended.
        if self.run.rank or (state.step % plan.measure_every and state.step != plan.steps):
            return {}
        loss = self._heldout(plan.measure_tokens)
        if state.best_loss is None or loss < state.best_loss:
            state.best_loss, state.best_step, state.worse_in_a_row = loss, state.step, 0
            state.best = learned_weights(self.model)
        else:
            state.worse_in_a_row += 1
        return {"heldout_loss": loss, "perplexity": math.exp(min(loss, 100.0))}

    def _heldout(self, max_tokens: int) -> float:
        return heldout_loss(
            self.model,
            self.prepared.heldout,
            max_tokens=max_tokens,
            precision=self.precision,
        )

    def _is_enough(self) -> bool:
        return self._has_overfitted() or self.run.is_finishing

    def _has_overfitted(self) -> bool:
        patience: int = self.run.params.patience
        return 0 < patience <= self.state.worse_in_a_row

    def _sample(self) -> None:
        if self.run.rank:
            return
        self.model.eval()
        writer = self.prepared.writer(self.model)
        prompt = self.run.params.sample_prompt
        asks = prompt and self.prepared.layout.is_chat
        message = {"role": "user", "content": prompt}
        ids = writer.encode_chat([message]) if asks else writer.encode(prompt)
        text = sample_text(writer, ids, max_tokens=_SAMPLE_TOKENS, seed=self.run.seed)
        shown = f"{prompt}\n\n{text}" if asks else prompt + text
        if shown.strip():
            self.run.sample("text", shown, step=self.state.step)
        self.model.train()

    def _save(self, folder: Path) -> None:
        save_checkpoint(
            folder,
            self.state,
            model=self.model,
            optimizers=self.optimizers,
            tokenizer=self.prepared.tokenizer,
        )


def train_model(run: "TrainRun", prepared: Prepared, state: State) -> Any:
    """Train, report, and give back the model with its best weights."""
    training = Training(run, prepared, state)
    training.go()
    if run.rank == 0:
        training.finish()
    return training.model
