"""One step of a network's training, and everything that it changes.

Axes: B texts, T tokens, K classes.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from modelmill_sdk.learning.batches import Shuffled
from modelmill_sdk.learning.memory import Accumulator
from modelmill_sdk.learning.precision import Precision
from modelmill_sdk.learning.schedules import rate_set, warmup_cosine
from modelmill_sdk.learning.state import state_restore, state_save
from modelmill_sdk.learning.stopping import Best
from modelmill_sdk.learning.together import Together
from torch import Tensor, nn

from modelmill_text_classification.networks import Network
from modelmill_text_classification.numbers import Numbers, Reals
from modelmill_text_classification.plans import NetworkPlan
from modelmill_text_classification.readers import batch_make

_GRADIENT_NORM = 1.0
_WARMUP = 0.1
# A new last layer has further to go than the weights it stands on.
_HEAD_RATE_SCALE = 10.0
_HEADS = ("classifier", "pre_classifier", "score")


class Trainer:
    """The network, its optimizer, the best weights, and the number of steps done.

    Every step draws from generators seeded by seed and step number, so a trainer that is given back
    its tensors and its step goes on as if it had never stopped.
    """

    def __init__(
        self,
        network: Network,
        plan: NetworkPlan,
        *,
        rows: Sequence[Sequence[int]],
        labels: Numbers,
        weights: Reals | None,
        device: str,
        seed: int,
        log: Callable[[str], None],
        together: Together,
    ) -> None:
        """Begin at step 0; ``weights (K,)`` are the classes', None for all the same."""
        self.network, self.plan, self.rows, self.device = network, plan, rows, device
        self.labels, self.seed, self.step = torch.from_numpy(labels), seed, 0
        self.precision = Precision(torch.device(device).type, is_half=False)
        self.order = Shuffled(len(rows), batch_size=plan.batch_size, seed=seed)
        self.optimizer = optimizer_for(network, plan)
        self.best = Best(patience=plan.patience, is_lower_better=False)
        self._pad_id = int(getattr(network, "pad_id", 0))
        self.together = together
        share = together.share(plan.batch_size)
        self._parts = Accumulator(plan.batch_size, log=log, rows=share)
        self._weights: Tensor | None = None
        if weights is not None:
            self._weights = torch.tensor(weights, dtype=torch.float32, device=device)  # (K,)

    def advance(self) -> Tensor:
        """Take one step; returns the loss, still on the device."""
        rate_set([self.optimizer], self.rate)
        ids, labels = self.batch(self.order.rows(self.step))
        # Dropout draws from the step's own seed.
        torch.manual_seed(self.together.seed(mixed(self.seed, self.step)))
        self.network.train()

        def loss_of(first: int, end: int) -> Tensor:
            return self.loss(ids[first:end], labels[first:end], self.precision)

        zero = self.optimizer.zero_grad
        loss = self._parts.backward(loss_of, zero_grad=lambda: zero(set_to_none=True))
        loss = self.together.sum(loss, self.network.parameters())
        if self.plan.method != "bag":
            nn.utils.clip_grad_norm_(self.network.parameters(), _GRADIENT_NORM)
        self.optimizer.step()
        self.step += 1
        return loss

    @property
    def rate(self) -> float:
        """Learning rate of the step to come."""
        warmup = 0 if self.plan.method == "bag" else max(1, round(self.plan.steps * _WARMUP))
        return warmup_cosine(
            self.step, steps=self.plan.steps, peak=self.plan.learning_rate, warmup=warmup
        )

    def batch(self, rows: Numbers) -> tuple[Tensor, Tensor]:
        """Give texts ``(B, T)`` and their labels ``(B,)``."""
        ids = batch_make([self.rows[row] for row in rows], pad_id=self._pad_id)
        labels = self.labels[torch.from_numpy(rows)]
        return ids.to(self.device), labels.to(self.device)

    def loss(self, ids: Tensor, labels: Tensor, precision: Precision) -> Tensor:
        """Mean cross-entropy of a batch, rare classes weighted if so decided."""
        with precision.autocast():
            logits = self.network(ids)  # (B, K)
        smoothing = self.plan.label_smoothing
        each = F.cross_entropy(logits.float(), labels, reduction="none", label_smoothing=smoothing)
        return each.mean() if self._weights is None else (each * self._weights[labels]).mean()

    def facts(self) -> dict[str, float]:
        """Give what else is worth reporting of a finished training."""
        return {}

    def save(self, folder: Path) -> None:
        """Write everything that the steps to come depend on."""
        state_save(
            folder,
            networks={"network": self.network},
            optimizers={"optimizer": self.optimizer},
            tensors=self.best.weights,
            facts={
                "step": self.step,
                "best": self.best.as_json(),
                "part_size": self._parts.part_size,
                "is_half": self.precision.is_half,
            },
        )

    def restore(self, folder: Path) -> None:
        """Give a new trainer of the same plan the state that ``save`` wrote."""
        facts, weights = state_restore(
            folder, networks={"network": self.network}, optimizers={"optimizer": self.optimizer}
        )
        self.step = int(facts["step"])
        best = facts["best"]
        self.best = Best(
            patience=self.plan.patience, is_lower_better=False, weights=weights, **best
        )
        self._parts.part_size = int(facts["part_size"])
        self.precision = Precision(self.precision.device_type, bool(facts["is_half"]))


def optimizer_for(network: Network, plan: NetworkPlan) -> torch.optim.Optimizer:
    """Make the optimizer: Adagrad for a bag, whose n-grams are rare; AdamW for the others."""
    if plan.is_private:
        return torch.optim.Adam(network.parameters(), lr=plan.learning_rate)
    if plan.method == "bag":
        # Its sums begin above nothing, or the first step of a bucket would be as far as can be.
        return torch.optim.Adagrad(
            network.parameters(), lr=plan.learning_rate, initial_accumulator_value=1e-6
        )
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, weight in network.named_parameters():
        is_head = plan.method == "encoder" and any(f".{head}" in f".{name}" for head in _HEADS)
        groups.setdefault((weight.ndim > 1, is_head), []).append(weight)
    described = [
        {
            "params": weights,
            "weight_decay": plan.weight_decay if decays else 0.0,
            "rate_scale": _HEAD_RATE_SCALE if is_head else 1.0,
        }
        for (decays, is_head), weights in groups.items()
    ]
    return torch.optim.AdamW(described, lr=plan.learning_rate, betas=(0.9, 0.98))


def mixed(seed: int, step: int) -> int:
    """One 64-bit seed of a run's seed and a step."""
    return int(np.random.SeedSequence((seed, 3, step)).generate_state(1, np.uint64)[0] >> 1)
