"""One training step, and everything that it changes.

Axes: B batch, C channels, H height, W width, L latent.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from modelmill_sdk.learning.averaging import Average
from modelmill_sdk.learning.batches import PictureBatches
from modelmill_sdk.learning.memory import Accumulator
from modelmill_sdk.learning.precision import Precision
from modelmill_sdk.learning.schedules import rate_set, warmup_cosine
from modelmill_sdk.learning.together import Together
from torch import Tensor

from modelmill_image_vae.config import VaeConfig
from modelmill_image_vae.losses import divergence
from modelmill_image_vae.networks import Vae

WEIGHT_DECAY = 0.01
WARM_UP_STEPS = 50
# The divergence counts fully after this share of the steps: from the start it would switch the
# latents off (Bowman et al.: "Generating sentences from a continuous space", 2016, section 3.1).
KL_RISE = 0.3
# How soon the scale of what is left follows the last batch.
LEFT_RATE = 0.1


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The hyperparameters of one training, all decided."""

    steps: int
    batch_size: int
    learning_rate: float
    kl_weight: float
    ema_decay: float


class Trainer:
    """The network, its optimizer, the average, and the number of steps done.

    Every step draws from a generator seeded by seed and step, so a trainer that is given back its
    tensors and its step goes on as if it had never stopped.
    """

    def __init__(
        self,
        config: VaeConfig,
        recipe: Recipe,
        *,
        batches: PictureBatches,
        device: str,
        seed: int,
        log: Callable[[str], None],
        together: Together,
    ) -> None:
        self.config, self.recipe, self.batches = config, recipe, batches
        self.device, self.seed, self.step = device, seed, 0
        self.precision = Precision(torch.device(device).type, False)
        self.together = together
        share = together.share(recipe.batch_size)
        self.parts = Accumulator(recipe.batch_size, log=log, rows=share)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = Vae(config)
        self.network = network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = Average(self.network, decay=recipe.ema_decay)
        self.adam = torch.optim.AdamW(
            self.network.parameters(), recipe.learning_rate, weight_decay=WEIGHT_DECAY
        )

    def advance(self) -> dict[str, Tensor]:
        """Take one step; returns the loss, still on the device."""
        recipe = self.recipe
        rate = warmup_cosine(
            self.step, steps=recipe.steps, peak=recipe.learning_rate, warmup=WARM_UP_STEPS
        )
        rate_set([self.adam], rate)
        pictures = self.batches.batch(self.step, device=self.device)  # (B, C, H, W)
        seed = int(np.random.SeedSequence((self.seed, self.step)).generate_state(1, np.uint64)[0])
        random = torch.Generator(self.device).manual_seed(seed)
        shape = (len(pictures), self.config.latent_size)
        noise = torch.randn(shape, generator=random, device=self.device)  # (B, L)
        squares: list[Tensor] = []

        def begin() -> None:
            self.adam.zero_grad()
            squares.clear()

        def loss_of(first: int, end: int) -> Tensor:
            part = slice(first, end)
            loss, squared = self.loss_of(pictures[part], noise[part], self.precision)
            is_mine = self.parts.first < self.parts.end
            squares.append(squared * is_mine * ((end - first) / len(pictures)))
            return loss

        loss = self.parts.backward(loss_of, zero_grad=begin)
        mine = torch.stack([loss, torch.stack(squares).sum()])  # (2,)
        loss, squared = self.together.sum(mine, self.network.parameters()).unbind()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.adam.step()
        self.network.left.lerp_(squared, LEFT_RATE)
        self.average.update(self.network, step=self.step)
        self.step += 1
        return {"loss": loss}

    def loss_of(
        self, pictures: Tensor, noise: Tensor, precision: Precision
    ) -> tuple[Tensor, Tensor]:
        """The loss `()` of pictures `(B, C, H, W)`, their latents shaken by noise `(B, L)`.

        And the squared difference `()` that is left. It is weighed by what was left lately, which
        is the likelihood of a normal distribution of the best variance (Rybkin, Daniilidis, Levine:
        "Simple and effective VAE training with calibrated decoders", ICML 2021).
        """
        with precision.autocast():
            mean, log_variance = self.network.encode(pictures)  # (B, L) twice
            rebuilt = self.network.decode(mean + noise * (log_variance / 2).exp())
        rise = min(1.0, self.step / max(1.0, KL_RISE * self.recipe.steps))
        nats = divergence(mean, log_variance).mean() / pictures[0].numel()  # ()
        squared = (rebuilt.float() - pictures).square().mean()  # ()
        weighed = squared / (2 * self.network.left.clamp_min(1e-6))
        return weighed + self.recipe.kl_weight * rise * nats, squared.detach()
