"""One training step, and everything that it changes.

Axes: B batch, L latent, C channels, H height, W width.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from modelmill_sdk.learning.averaging import Average
from modelmill_sdk.learning.memory import Accumulator, Step
from modelmill_sdk.learning.precision import Precision
from modelmill_sdk.learning.schedules import rate_set
from torch import Tensor, nn

from modelmill_gan_faces.collapsing import Collapse
from modelmill_gan_faces.config import FacesConfig
from modelmill_gan_faces.diffaugment import diffaugment
from modelmill_gan_faces.discriminator import Discriminator
from modelmill_gan_faces.generator import Generator
from modelmill_gan_faces.graphed import GraphedHalves
from modelmill_gan_faces.losses import discriminator_loss, generator_loss, gradient_penalty
from modelmill_gan_faces.real import RealPictures
from modelmill_gan_faces.recipe import Recipe

# Huang et al., NeurIPS 2024, appendix D, train without momentum; so do StyleGAN and its kin.
BETAS = (0.0, 0.99)

# A slope's slope costs two more passes; of a batch of 64, a quarter makes as steady a penalty as a
# batch of 16 has, and the step a third faster.
PENALTY_ROWS = 16
FULL = Precision("cpu", False)

Network = TypeVar("Network", bound=nn.Module)


@dataclass(kw_only=True)
class Batch:
    """What both halves of a step share: pictures, what is drawn, and how it was judged."""

    real: Tensor  # (B, C, H, W)
    labels: Tensor | None  # (B,)
    latents: Tensor  # (B, L)
    real_scores: Tensor  # (B,)
    fake_scores: Tensor  # (B,)
    random: torch.Generator
    fake: Tensor | None = None  # (B, C, H, W), once all of it was drawn at a time

    def labels_of(self, part: slice) -> Tensor | None:
        """The labels of a part of the batch."""
        return None if self.labels is None else self.labels[part]


class Trainer:
    """Both networks, their optimizers, the average, what varied last, and the steps done.

    Every step draws from a generator of its own, seeded by seed and step number, so a trainer
    that is given back its tensors and its step goes on as if it had never stopped.
    """

    def __init__(
        self,
        config: FacesConfig,
        recipe: Recipe,
        *,
        real: RealPictures,
        device: str,
        seed: int,
        log: Callable[[str], None],
    ) -> None:
        self.config, self.recipe, self.real = config, recipe, real
        self.device, self.seed, self.step = device, seed, 0
        self.precision = Precision(torch.device(device).type, False)
        self.parts, self.log = Accumulator(recipe.batch_size, log=log), log
        self.random = torch.Generator(device)
        self.graphed: dict[bool, GraphedHalves] = {}  # by whether the step is penalised
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.generator = _placed(Generator(config), device)
            self.discriminator = _placed(Discriminator(config), device)
        self.average = Average(self.generator, decay=recipe.ema_decay)
        rate = recipe.learning_rate
        self.collapse = Collapse()
        self.generator_adam = torch.optim.Adam(self.generator.parameters(), rate, BETAS)
        self.discriminator_adam = torch.optim.Adam(self.discriminator.parameters(), rate, BETAS)

    def advance(self) -> dict[str, Tensor]:
        """Take one step of both networks; returns their losses, still on the device."""
        adams = (self.generator_adam, self.discriminator_adam)
        rate_set(adams, self.recipe.learning_rate_at(self.step))
        batch, loss = self._halves(self._batch())
        self.average.update(self.generator, step=self.step)
        self.step += 1
        return {
            "discriminator_loss": discriminator_loss(batch.real_scores, batch.fake_scores),
            "generator_loss": loss,
        }

    def _halves(self, batch: Batch) -> tuple[Batch, Tensor]:
        """Let both networks learn; returns the batch as it was judged, and the generator's loss."""
        # Lazy regularisation: every few steps, that much stronger (Karras et al.: "Analyzing and
        # improving the image quality of StyleGAN", CVPR 2020, section 3.1).
        is_penalised = (
            self.recipe.gradient_penalty > 0 and self.step % self.recipe.penalty_every == 0
        )
        batch = self._judge(batch, is_penalised=is_penalised)
        self.discriminator_adam.step()
        loss = self._draw(batch, is_penalised=is_penalised)
        self.generator_adam.step()
        return batch, loss

    def _judge(self, batch: Batch, *, is_penalised: bool) -> Batch:
        """Leave the discriminator's gradient in its weights; returns the batch as it was judged."""
        if self._may_graph():
            try:
                if is_penalised not in self.graphed:
                    halves = GraphedHalves(self, batch, is_penalised=is_penalised)
                    self.graphed[is_penalised] = halves
                self.graphed[is_penalised].load(batch)
                self.graphed[is_penalised].judge()
                return self.graphed[is_penalised].batch
            except torch.OutOfMemoryError:
                self.graphed.clear()
            # The same batch once more: its dice have been thrown in part.
            batch = self._batch()
        judged = self.discriminator_loss_of(batch, is_penalised=is_penalised)
        self.parts.backward(judged, zero_grad=self.discriminator_adam.zero_grad)
        return batch

    def _draw(self, batch: Batch, *, is_penalised: bool) -> Tensor:
        """Leave the generator's gradient in its weights, after `_judge`; returns its loss `()`."""
        if is_penalised in self.graphed:
            try:
                return self.graphed[is_penalised].draw()
            except torch.OutOfMemoryError:
                self.graphed.clear()
            # This half alone: the discriminator has learnt from the batch already.
            batch.fake = None
        with self.discriminator_frozen():
            drawn = self.generator_loss_of(batch)
            return self.parts.backward(drawn, zero_grad=self.generator_adam.zero_grad)

    def _may_graph(self) -> bool:
        is_whole = self.parts.part_size == self.recipe.batch_size
        return self.precision.device_type == "cuda" and is_whole

    def _batch(self) -> Batch:
        random = self.random.manual_seed(_mixed(self.seed, self.step))
        shape = (self.recipe.batch_size, self.config.latent_size)
        latents = torch.randn(shape, generator=random, device=self.device)  # (B, L)
        real, labels = self.real.batch(self.step, device=self.device)  # (B, C, H, W), (B,)
        real_scores, fake_scores = torch.zeros(2, len(real), device=self.device)  # (B,), (B,)
        return Batch(
            real=real,
            labels=labels,
            latents=latents,
            real_scores=real_scores,
            fake_scores=fake_scores,
            random=random,
        )

    def discriminator_loss_of(self, batch: Batch, *, is_penalised: bool) -> Step:
        """The loss of a part of the batch, from telling real from fake."""

        def loss_of(first: int, end: int) -> Tensor:
            part = slice(first, end)
            labels = batch.labels_of(part)
            real = self._augment(batch.real[part], batch)  # (B, C, H, W)
            fake = self._augment(self._fake(batch, part, is_learning=False).detach(), batch)
            is_shared = is_penalised and end - first <= PENALTY_ROWS
            real, fake = real.requires_grad_(is_shared), fake.requires_grad_(is_shared)
            # A slope's slope is too small for half precision.
            with (FULL if is_shared else self.precision).autocast():
                real_scores = self.discriminator(real, labels).float()  # (B,)
                fake_scores = self.discriminator(fake, labels).float()  # (B,)
            batch.real_scores[part] = real_scores.detach()
            batch.fake_scores[part] = fake_scores.detach()
            loss = discriminator_loss(real_scores, fake_scores)  # ()
            if is_penalised:
                pairs = [(real_scores, real), (fake_scores, fake)]
                if not is_shared:
                    pairs = [self._few(real, labels), self._few(fake, labels)]
                slopes = sum(gradient_penalty(scores, pictures) for scores, pictures in pairs)
                loss = loss + self.recipe.gradient_penalty / 2 * self.recipe.penalty_every * slopes
            return loss

        return loss_of

    def _few(self, pictures: Tensor, labels: Tensor | None) -> tuple[Tensor, Tensor]:
        """Scores of a few pictures `(B, C, H, W)` that stand for all, and those pictures."""
        few = pictures[:PENALTY_ROWS].detach().requires_grad_()  # (16, C, H, W)
        named = None if labels is None else labels[:PENALTY_ROWS]  # (16,)
        return self.discriminator(few, named), few  # (16,), (16, C, H, W)

    def generator_loss_of(self, batch: Batch) -> Step:
        """The loss of a part of the batch, from being told from real.

        The pictures are the discriminator step's own, and so are the real scores: scoring again
        after its small step would cost a seventh more and change next to nothing.
        """

        def loss_of(first: int, end: int) -> Tensor:
            part = slice(first, end)
            fake = self._augment(self._fake(batch, part, is_learning=True), batch)
            with self.precision.autocast():
                scores = self.discriminator(fake, batch.labels_of(part)).float()  # (B,)
            return generator_loss(batch.real_scores[part], scores)

        return loss_of

    @contextmanager
    def discriminator_frozen(self) -> Iterator[None]:
        """Leave its weights alone: a backward pass through it costs half without them."""
        self.discriminator.requires_grad_(False)
        try:
            yield
        finally:
            self.discriminator.requires_grad_(True)

    def _fake(self, batch: Batch, part: slice, *, is_learning: bool) -> Tensor:
        """Pictures `(B, C, H, W)` drawn for a part; for a whole batch once, to serve both steps."""
        is_whole = part.stop - part.start == len(batch.latents)
        if is_whole and batch.fake is not None:
            return batch.fake
        batch.fake = None
        with torch.set_grad_enabled(is_whole or is_learning), self.precision.autocast():
            fake = self.generator(batch.latents[part], batch.labels_of(part))  # (B, C, H, W)
        # See RealPictures.batch.
        planes: Tensor = fake.float().contiguous()  # (B, C, H, W)
        if is_whole:
            batch.fake = planes
        return planes

    def _augment(self, pictures: Tensor, batch: Batch) -> Tensor:
        return diffaugment(pictures, batch.random) if self.recipe.augment else pictures.clone()


def _placed(network: Network, device: str) -> Network:
    return network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def _mixed(seed: int, step: int) -> int:
    """One 64-bit seed of a run's seed and a step."""
    return int(np.random.SeedSequence((seed, step)).generate_state(1, np.uint64)[0])
