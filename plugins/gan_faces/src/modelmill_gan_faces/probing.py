"""A step that changes nothing, to find out which precision is faster here."""

import copy

import torch
from modelmill_sdk.learning.precision import Precision, precision_choose

from modelmill_gan_faces.trainer import Trainer


def precision_probe(trainer: Trainer, *, asked: str) -> Precision:
    """Choose the precision of a training as asked, by measuring on copies of its networks."""
    generator = copy.deepcopy(trainer.generator)
    discriminator = copy.deepcopy(trainer.discriminator)
    real, labels = trainer.real.batch(0, device=trainer.device)  # (B, C, H, W), (B,)
    latents = torch.zeros(len(real), trainer.config.latent_size, device=trainer.device)  # (B, L)

    def step(precision: Precision) -> None:
        with precision.autocast():
            fake = generator(latents, labels)  # (B, C, H, W)
            scores = discriminator(real, labels) - discriminator(fake, labels)  # (B,)
        scores.float().mean().backward()

    return precision_choose(asked, device=trainer.device, step=step)
