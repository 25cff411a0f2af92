"""Learning with differential privacy: nobody can tell whether a picture was among those learned.

Abadi et al., "Deep learning with differential privacy", CCS 2016, by Opacus: each picture's
gradient is clipped, noise is added to their sum, and an accountant adds up what was spent. Batches
and noise come from secret dice: with a seed that somebody knows, the noise could be taken off
again. So a private training cannot be repeated byte for byte.
"""

import secrets
import warnings
from typing import Any

import torch
from modelmill_sdk.learning.clipping import ClippedSum
from torch import Tensor, nn

from modelmill_image_classification.trainer import Trainer

_CLIP = 1.0


class PrivateTrainer(Trainer):
    """A trainer that spends a privacy budget, and no more than it."""

    def __init__(self, network: nn.Module, *args: Any, **options: Any) -> None:
        """Wrap the network and the optimizer; the noise is chosen for all the steps of the plan."""
        super().__init__(network, *args, **options)
        from opacus.accountants.utils import get_noise_multiplier
        from opacus.grad_sample import GradSampleModule
        from opacus.optimizers import DPOptimizer

        self.delta = self.params.privacy_delta or 0.1 / len(self.examples)
        self.chance = min(1.0, self.plan.batch_size / len(self.examples))
        with warnings.catch_warnings():
            # It warns that the best order may lie outside those it tries; the bound holds.
            warnings.simplefilter("ignore")
            self.noise = get_noise_multiplier(
                target_epsilon=self.params.privacy_epsilon,
                target_delta=self.delta,
                sample_rate=self.chance,
                steps=self.plan.steps,
                accountant="rdp",
            )
        self._sampled = GradSampleModule(network)
        self._private = DPOptimizer(
            self.optimizer,
            noise_multiplier=self.noise,
            max_grad_norm=_CLIP,
            expected_batch_size=self.plan.batch_size,
            loss_reduction="mean",
            generator=torch.Generator(self.device).manual_seed(secrets.randbits(63)),
        )
        self._sum = ClippedSum(network, self._private, self._parts)

    def advance(self) -> Tensor:
        """Take one step; a batch may be of any size, and an empty one is noise alone."""
        rate = self.plan.learning_rate_at(self.step)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        pictures, labels = self.batch(self.step)
        self._sampled.train()

        def loss_of(first: int, end: int) -> Tensor:
            # Opacus hooks on to layers whose input has a gradient.
            part = pictures[first:end].requires_grad_(True)
            return self.loss(part, labels[first:end], self.precision)

        loss = self._sum.step(loss_of, row_count=len(pictures))
        self.average.update(self.network, step=self.step)
        self.step += 1
        return loss

    def facts(self) -> dict[str, float]:
        """Give the epsilon spent by the steps done, and its delta."""
        from opacus.accountants import RDPAccountant

        accountant = RDPAccountant()
        accountant.history = [(self.noise, self.chance, self.step)]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            epsilon = float(accountant.get_epsilon(delta=self.delta))
        return {
            "privacy_epsilon": epsilon,
            "privacy_delta": self.delta,
            "privacy_noise": self.noise,
            "privacy_clip": _CLIP,
        }
