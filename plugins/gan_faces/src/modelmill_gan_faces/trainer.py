"""One training step, and everything that it changes.

Axes: B batch, L latent, C channels, H height, W width.
"""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from modelmill_gan_faces.batches import Batches
from modelmill_gan_faces.config import FacesConfig
from modelmill_gan_faces.diffaugment import diffaugment
from modelmill_gan_faces.discriminator import Discriminator
from modelmill_gan_faces.ema import ema_update
from modelmill_gan_faces.generator import Generator
from modelmill_gan_faces.losses import discriminator_loss, generator_loss, gradient_penalty
from modelmill_gan_faces.recipe import Recipe

# Huang et al., NeurIPS 2024, appendix D, train without momentum; so do StyleGAN and its kin.
BETAS = (0.0, 0.99)

Network = TypeVar("Network", bound=nn.Module)


class Trainer:
    """Both networks, their optimizers, the average, and the number of steps done.

    Every step draws from a generator of its own, seeded by seed and step number, so a trainer
    that is given back its tensors and its step goes on as if it had never stopped.
    """

    def __init__(
        self, config: FacesConfig, recipe: Recipe, *, batches: Batches, device: str, seed: int
    ) -> None:
        self.config, self.recipe, self.batches = config, recipe, batches
        self.device, self.seed, self.step = device, seed, 0
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.generator = _placed(Generator(config), device)
            self.discriminator = _placed(Discriminator(config), device)
        self.average = copy.deepcopy(self.generator).eval().requires_grad_(False)
        rate = recipe.learning_rate
        self.generator_adam = torch.optim.Adam(self.generator.parameters(), rate, BETAS)
        self.discriminator_adam = torch.optim.Adam(self.discriminator.parameters(), rate, BETAS)

    def advance(self) -> dict[str, Tensor]:
        """Take one step of both networks; returns their losses, still on the device."""
        random = torch.Generator(self.device).manual_seed(_mixed(self.seed, self.step))
        for adam in (self.generator_adam, self.discriminator_adam):
            adam.param_groups[0]["lr"] = self.recipe.learning_rate_at(self.step)
        shape = (self.recipe.batch_size, self.config.latent_size)
        latents = torch.randn(shape, generator=random, device=self.device)  # (B, L)
        real = self.batches.batch(self.step, device=self.device)  # (B, C, H, W)
        with self._precision():
            fake = self.generator(latents)  # (B, C, H, W)
        # The augmentation is several times faster on planes than on channels-last pictures.
        fake = fake.float().contiguous()  # (B, C, H, W)
        real_scores, losses = self._discriminator_step(real, fake.detach(), random)  # (B,)
        losses |= self._generator_step(real_scores, fake, random)
        ema_update(self.average, self.generator, step=self.step, decay=self.recipe.ema_decay)
        self.step += 1
        return losses

    def _discriminator_step(
        self, real: Tensor, fake: Tensor, random: torch.Generator
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Tell real from fake a little better; returns the real scores, and the loss by name."""
        # Lazy regularisation: every few steps, that much stronger (Karras et al.: "Analyzing and
        # improving the image quality of StyleGAN", CVPR 2020, section 3.1).
        is_penalised = (
            self.recipe.gradient_penalty > 0 and self.step % self.recipe.penalty_every == 0
        )
        real = self._augment(real, random).requires_grad_(is_penalised)  # (B, C, H, W)
        fake = self._augment(fake, random).requires_grad_(is_penalised)  # (B, C, H, W)
        # A slope's slope is too small for half precision.
        with self._precision(allowed=not is_penalised):
            real_scores, fake_scores = self.discriminator(real), self.discriminator(fake)  # (B,)
        loss = discriminator_loss(real_scores.float(), fake_scores.float())  # ()
        losses = {"discriminator_loss": loss.detach()}
        if is_penalised:
            r1 = gradient_penalty(real_scores, real)  # ()
            r2 = gradient_penalty(fake_scores, fake)  # ()
            weight = self.recipe.gradient_penalty / 2 * self.recipe.penalty_every
            loss = loss + weight * (r1 + r2)  # ()
        self.discriminator_adam.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.discriminator_adam.step()
        return real_scores.detach(), losses

    def _generator_step(
        self, real_scores: Tensor, fake: Tensor, random: torch.Generator
    ) -> dict[str, Tensor]:
        """Be told from real a little worse, by a discriminator that learns nothing from it.

        The pictures are the discriminator step's own, and so are the real scores: scoring again
        after its small step would cost a seventh more and change next to nothing.
        """
        # Without gradients for its weights a discriminator's backward pass costs half.
        self.discriminator.requires_grad_(False)
        with self._precision():
            fake_scores = self.discriminator(self._augment(fake, random))  # (B,)
        loss = generator_loss(real_scores.float(), fake_scores.float())  # ()
        self.generator_adam.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.generator_adam.step()
        self.discriminator.requires_grad_(True)
        return {"generator_loss": loss.detach()}

    def _augment(self, pictures: Tensor, random: torch.Generator) -> Tensor:
        return diffaugment(pictures, random) if self.recipe.augment else pictures.clone()

    @contextmanager
    def _precision(self, *, allowed: bool = True) -> Iterator[None]:
        kind = torch.device(self.device).type
        with torch.autocast(kind, torch.bfloat16, enabled=self.recipe.is_half and allowed):
            yield


def _placed(network: Network, device: str) -> Network:
    return network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def _mixed(seed: int, step: int) -> int:
    """One 64-bit seed of a run's seed and a step."""
    return int(np.random.SeedSequence((seed, step)).generate_state(1, np.uint64)[0])
