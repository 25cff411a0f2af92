"""How well pictures are rebuilt.

Axes: N pictures, B batch, C channels, H height, W width, L latent.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from modelmill_sdk.learning.pictures import Bytes
from torch import Tensor

from modelmill_image_vae.losses import divergence, likeness
from modelmill_image_vae.networks import Vae

AT_ONCE = 64


@dataclass(frozen=True, kw_only=True)
class Rebuilding:
    """Means over pictures: differences of 2 at most, similarity, nats."""

    absolute: float
    squared: float
    similarity: float
    nats: float
    dimensions: int

    @property
    def psnr(self) -> float:
        """Peak signal to noise in decibel; pictures span 2."""
        return 10 * math.log10(4 / max(self.squared, 1e-12))

    @property
    def elbo(self) -> float:
        """Lower bound on the log likelihood, in nats a number of the picture on the scale -1 to 1.

        Each number Laplace-distributed around the rebuilt one, with the scale that fits these
        pictures best: their mean absolute difference.
        """
        scale = max(self.absolute, 1e-6)
        return -(1 + math.log(2 * scale)) - self.nats / self.dimensions


def tensor_of(pictures: Bytes, *, device: str | torch.device) -> Tensor:
    """Turn stored pictures `(N, H, W, C)` into `(N, C, H, W)` in [-1, 1]."""
    pixels = torch.from_numpy(np.array(pictures)).to(device)
    return pixels.permute(0, 3, 1, 2).float() / 127.5 - 1


@torch.no_grad()
def measure(network: Vae, pictures: Bytes) -> Rebuilding:
    """Rebuild pictures `(N, H, W, C)` from the means of their latents, and compare."""
    sums = torch.zeros(4, dtype=torch.float64)
    for first in range(0, len(pictures), AT_ONCE):
        part = tensor_of(pictures[first : first + AT_ONCE], device=network.centres.device)
        mean, log_variance = network.encode(part)  # (B, L) twice
        rebuilt = network.decode(mean)  # (B, C, H, W)
        figures = [
            (rebuilt - part).abs().mean(),
            (rebuilt - part).square().mean(),
            likeness(rebuilt, part).mean(),
            divergence(mean, log_variance).mean(),
        ]
        sums += len(part) * torch.stack(figures).double().cpu()
    absolute, squared, similarity, nats = (sums / len(pictures)).tolist()
    return Rebuilding(
        absolute=absolute,
        squared=squared,
        similarity=similarity,
        nats=nats,
        dimensions=int(np.prod(pictures.shape[1:])),
    )


@torch.no_grad()
def latents_of(network: Vae, pictures: Bytes) -> Tensor:
    """The latents `(N, L)` of pictures `(N, H, W, C)`, without noise."""
    parts = []
    for first in range(0, len(pictures), AT_ONCE):
        part = tensor_of(pictures[first : first + AT_ONCE], device=network.centres.device)
        parts.append(network.encode(part)[0])
    return torch.cat(parts)  # (N, L)
