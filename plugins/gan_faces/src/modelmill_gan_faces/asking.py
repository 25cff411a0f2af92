"""What a customer asks for, drawn: a seed, a label, or the way from one seed to another.

Axes: L latent.
"""

import math

import torch
from modelmill_sdk import CustomerError
from modelmill_sdk.learning.sheets import sheet
from PIL import Image
from torch import Tensor

from modelmill_gan_faces.config import FacesConfig
from modelmill_gan_faces.drawing import Model, draw_one, labels_of, latents_of
from modelmill_gan_faces.params import Input


def answer(model: Model, asked: Input, *, seed: int, truncation: float) -> Image.Image:
    """Draw what one input asks for; `seed` is its own or the one it was given.

    Raises CustomerError for a label that the model does not know.
    """
    label = _label(asked, seed, model.config)  # ()
    ends = [seed] if asked.seed_to is None else [seed, asked.seed_to]
    latents = latents_of(ends, latent_size=model.config.latent_size)  # (1 or 2, L)
    if len(latents) == 1:
        return draw_one(model, latents[0], label, truncation=truncation)
    count = asked.frames
    mixes = [asked.mix] if count == 1 else [n / (count - 1) for n in range(count)]
    frames = [
        draw_one(model, between(latents[0], latents[1], mix), label, truncation=truncation)
        for mix in mixes
    ]
    return frames[0] if count == 1 else sheet(frames)


def between(first: Tensor, second: Tensor, mix: float) -> Tensor:
    """A latent `(L,)` on the great circle from one to another; exactly the ends at 0 and 1.

    Only directions count for the generator, and a straight way would lead through shorter, and so
    unseen, latents: White, "Sampling generative networks", 2016, section 2.1.
    """
    first, second = first / first.norm(), second / second.norm()  # (L,), (L,)
    angle = math.acos(max(-1.0, min(1.0, float(first @ second))))
    if mix in (0.0, 1.0) or math.sin(angle) < 1e-6:
        return first if mix < 1 else second
    shares = torch.tensor([math.sin((1 - mix) * angle), math.sin(mix * angle)]) / math.sin(angle)
    return shares[0] * first + shares[1] * second  # (L,)


def _label(asked: Input, seed: int, config: FacesConfig) -> Tensor | None:
    """The number `()` of the label asked for, or of the one that the seed chooses."""
    if asked.label is None:
        chosen = labels_of([seed], config)
        return None if chosen is None else chosen[0]
    if not config.labels:
        raise CustomerError(
            "This model was trained without labels. Leave label out, or train on a dataset with "
            "labels.",
            param="label",
        )
    if asked.label not in config.labels:
        known = ", ".join(config.labels[:20]) + (" …" if len(config.labels) > 20 else "")
        raise CustomerError(
            f"This model knows no label {asked.label!r}. Choose one of: {known}.", param="label"
        )
    return torch.tensor(config.labels.index(asked.label))
