"""Learning with differential privacy: nobody can tell whether a text was among those learned.

Abadi et al.: "Deep learning with differential privacy", CCS 2016, by Opacus: each text's gradient
is clipped, noise is added to their sum, and an accountant adds up what was spent. Batches and noise
come from secret dice: with a seed that somebody knows, the noise could be taken off again. So a
private training cannot be repeated byte for byte.
"""

import secrets
import warnings
from typing import Any

import numpy as np
import torch
from modelmill_sdk.learning.clipping import ClippedSum
from torch import Tensor

from modelmill_text_classification.networks import Network
from modelmill_text_classification.trainer import Trainer

_CLIP = 1.0


class PrivateTrainer(Trainer):
    """A trainer that spends a privacy budget, and no more than it."""

    def __init__(
        self, network: Network, *args: Any, epsilon: float, delta: float, **options: Any
    ) -> None:
        """Choose the noise for all the steps of the plan; delta 0 is a tenth of one over rows."""
        super().__init__(network, *args, **options)
        from opacus.accountants.utils import get_noise_multiplier
        from opacus.grad_sample import GradSampleModule
        from opacus.optimizers import DPOptimizer

        self.delta = delta or 0.1 / len(self.rows)
        self.chance = min(1.0, self.plan.batch_size / len(self.rows))
        with warnings.catch_warnings():
            # It warns that the best order may lie outside those it tries; the bound holds.
            warnings.simplefilter("ignore")
            self.noise = get_noise_multiplier(
                target_epsilon=epsilon,
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
        self._dice = np.random.default_rng(secrets.randbits(128))

    def advance(self) -> Tensor:
        """Take one step; a batch may be of any size, and an empty one is noise alone."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate
        rows = np.flatnonzero(self._dice.random(len(self.rows)) < self.chance)
        self._sampled.train()

        def loss_of(first: int, end: int) -> Tensor:
            return self.loss(*self.batch(rows[first:end]), self.precision)

        with warnings.catch_warnings():
            # Numbers of words have no gradient, which is as it should be.
            warnings.filterwarnings("ignore", message="Full backward hook is firing")
            loss = self._sum.step(loss_of, row_count=len(rows))
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
