"""One training step, and everything that it changes.

Axes: B batch, C channels, H height, W width, K classes.
"""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from modelmill_sdk.learning.averaging import Average
from modelmill_sdk.learning.memory import Accumulator
from modelmill_sdk.learning.precision import Precision
from modelmill_sdk.learning.schedules import rate_set
from modelmill_sdk.learning.state import state_restore, state_save
from modelmill_sdk.learning.stopping import Best
from modelmill_sdk.learning.together import Together
from torch import Tensor, nn
from torch.nn import functional as F

from modelmill_image_classification.augmentation import Augmentation, augment
from modelmill_image_classification.drawing_lots import (
    BalancedLots,
    EvenLots,
    Lots,
    SecretLots,
    class_weights,
)
from modelmill_image_classification.examples import Examples
from modelmill_image_classification.models import Eyes
from modelmill_image_classification.params import TrainParams
from modelmill_image_classification.plans import Plan

_HEAD_RATE_SCALE = 10.0
_HEADS = ("classifier", "head")


class Trainer:
    """The network, its optimizer, its average, the best weights, and the number of steps done.

    Every step draws from a generator of its own, seeded by seed and step number, so a trainer that
    is given back its tensors and its step goes on as if it had never stopped.
    """

    def __init__(
        self,
        network: nn.Module,
        plan: Plan,
        *,
        examples: Examples,
        eyes: Eyes,
        augmentation: Augmentation,
        params: TrainParams,
        classes: int,
        device: str,
        seed: int,
        log: Callable[[str], None],
        together: Together,
    ) -> None:
        """Begin at step 0 with a network that is on the device already."""
        self.network, self.plan, self.examples, self.eyes = network, plan, examples, eyes
        self.augmentation, self.params = augmentation, params
        self.device, self.seed = device, seed
        self.precision = Precision(torch.device(device).type, is_half=False)
        self.step = 0
        self.lots = lots_for(plan, examples, seed=seed)
        self.average = Average(network, decay=plan.ema_decay)
        self.optimizer = optimizer_for(network, plan)
        self.best = Best(patience=plan.patience)
        self.together = together
        share = together.share(plan.batch_size)
        self._parts = Accumulator(plan.batch_size, log=log, rows=share)
        self._weights: Tensor | None = None
        if plan.balance == "weights":
            weights = class_weights(examples.counts(classes))
            self._weights = torch.tensor(weights, dtype=torch.float32, device=device)  # (K,)

    def advance(self) -> Tensor:
        """Take one step; returns the loss, still on the device."""
        rate_set([self.optimizer], self.plan.learning_rate_at(self.step))
        pictures, labels = self.batch(self.step)
        if not self.network.training:
            self.network.train()

        def loss_of(first: int, end: int) -> Tensor:
            return self.loss(pictures[first:end], labels[first:end], self.precision)

        zero = self.optimizer.zero_grad
        loss = self._parts.backward(loss_of, zero_grad=lambda: zero(set_to_none=True))
        loss = self.together.sum(loss, self.network.parameters())
        self.optimizer.step()
        self.average.update(self.network, step=self.step)
        self.step += 1
        return loss

    def batch(self, index: int) -> tuple[Tensor, Tensor]:
        """Give batch number ``index``: pictures ``(B, C, H, W)``, varied, and labels ``(B,)``."""
        rows = self.examples.rows[self.lots.rows(index)]
        pixels = torch.from_numpy(self.examples.pixels[rows]).to(self.device)  # (B, H, W, C)
        labels = torch.from_numpy(self.examples.labels[rows]).to(self.device)  # (B,)
        random = torch.Generator().manual_seed(_mixed(self.seed, index))
        return augment(self.eyes(pixels), self.augmentation, random), labels

    def loss(self, pictures: Tensor, labels: Tensor, precision: Precision) -> Tensor:
        """Mean cross-entropy of a batch, rare classes weighted if the plan says so."""
        with precision.autocast():
            logits = self.network(pictures)  # (B, K)
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
            networks={"network": self.network, "average": self.average.network},
            optimizers={"optimizer": self.optimizer},
            tensors=self.best.weights,
            facts={
                "step": self.step,
                "plan": asdict(self.plan),
                "best": self.best.as_json(),
                "part_size": self._parts.part_size,
                "is_half": self.precision.is_half,
            },
        )

    def restore(self, folder: Path) -> None:
        """Give a new trainer of the same plan the state that ``save`` wrote."""
        facts, weights = state_restore(
            folder,
            networks={"network": self.network, "average": self.average.network},
            optimizers={"optimizer": self.optimizer},
        )
        self.step = int(facts["step"])
        self.best = Best(patience=self.plan.patience, weights=weights, **facts["best"])
        self._parts.part_size = int(facts["part_size"])
        self.precision = Precision(self.precision.device_type, bool(facts["is_half"]))


def lots_for(plan: Plan, examples: Examples, *, seed: int) -> Lots:
    """Choose how batches are drawn."""
    if plan.is_private:
        return SecretLots(len(examples), chance=min(1.0, plan.batch_size / len(examples)))
    if plan.balance == "sampling":
        return BalancedLots(examples.row_labels, batch_size=plan.batch_size, seed=seed)
    return EvenLots(len(examples), batch_size=plan.batch_size, seed=seed)


def optimizer_for(network: nn.Module, plan: Plan) -> torch.optim.Optimizer:
    """Make the optimizer: norms and biases do not decay, and a new head on a base hurries."""
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, weight in network.named_parameters():
        is_head = plan.network == "base" and any(head in name for head in _HEADS)
        groups.setdefault((weight.ndim > 1, is_head), []).append(weight)
    described = [
        {
            "params": weights,
            "weight_decay": plan.weight_decay if decays else 0.0,
            "rate_scale": _HEAD_RATE_SCALE if is_head else 1.0,
        }
        for (decays, is_head), weights in groups.items()
    ]
    if plan.is_adamw:
        return torch.optim.AdamW(described, lr=plan.learning_rate, betas=(0.9, 0.98))
    return torch.optim.SGD(described, lr=plan.learning_rate, momentum=0.9, nesterov=True)


def _mixed(seed: int, step: int) -> int:
    """One 64-bit seed of a run's seed and a step."""
    return int(np.random.SeedSequence((seed, 3, step)).generate_state(1, np.uint64)[0])
