"""The encoder and the decoder.

Axes: B batch, L latent, F features, C picture channels, H height, W width.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

from modelmill_image_vae.config import VaeConfig

GROUPS = 8


class Vae(nn.Module):
    """Strided convolutions to a latent, and upsampling convolutions back to a picture.

    Kingma and Welling: "Auto-encoding variational Bayes", ICLR 2014. Group normalisation, because
    an answer must not depend on who else is in the batch. ``centre`` and ``spread`` say where the
    latents of real pictures lie, which is where new ones are drawn (Ghosh et al.: "From variational
    to deterministic autoencoders", ICLR 2020, section 4).
    """

    centre: Tensor
    spread: Tensor

    def __init__(self, config: VaeConfig) -> None:
        super().__init__()
        self.config = config
        widths, latent = config.widths(), config.latent_size
        self.encoder = nn.Sequential(
            *(_Down(before, after) for before, after in pairwise([config.channels, *widths])),
            nn.Flatten(),
            nn.Linear(widths[-1] * 4 * 4, 2 * latent),
        )
        self.start = nn.Linear(latent, widths[-1] * 4 * 4)
        upward = [*reversed(widths), widths[0]]
        self.decoder = nn.Sequential(*(_Up(before, after) for before, after in pairwise(upward)))
        self.to_picture = nn.Conv2d(widths[0], config.channels, 3, padding=1)
        self.register_buffer("centre", torch.zeros(latent))
        self.register_buffer("spread", torch.eye(latent))

    def encode(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Give mean and log variance, `(B, L)` each, of the latents of pictures `(B, C, H, W)`."""
        mean, log_variance = self.encoder(pictures).float().chunk(2, dim=1)  # (B, L) twice
        return mean, log_variance.clamp(-12, 8)

    def decode(self, latents: Tensor) -> Tensor:
        """Give pictures `(B, C, H, W)` in [-1, 1] of latents `(B, L)`."""
        x = self.start(latents).reshape(len(latents), -1, 4, 4)  # (B, F, 4, 4)
        pictures: Tensor = self.to_picture(self.decoder(x)).tanh()  # (B, C, H, W)
        return pictures

    def placed(self, noise: Tensor) -> Tensor:
        """Turn normal noise `(B, L)` into latents like those of real pictures."""
        latents: Tensor = self.centre + noise @ self.spread.T  # (B, L)
        return latents

    @torch.no_grad()
    def settle(self, latents: Tensor) -> None:
        """Remember where the latents `(N, L)` of real pictures lie."""
        centred = (latents - latents.mean(dim=0)).double()  # (N, L)
        covariance = centred.T @ centred / max(1, len(latents) - 1)  # (L, L)
        values, vectors = torch.linalg.eigh(covariance)
        self.centre.copy_(latents.mean(dim=0))
        self.spread.copy_(vectors * values.clamp_min(0).sqrt())


class _Down(nn.Sequential):
    """Halve height and width."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__(
            nn.Conv2d(before, after, 4, stride=2, padding=1), nn.GroupNorm(GROUPS, after), nn.SiLU()
        )


class _Up(nn.Sequential):
    """Double height and width; not by a transposed convolution, which leaves a checkerboard."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__(
            nn.Upsample(scale_factor=2),
            nn.Conv2d(before, after, 3, padding=1),
            nn.GroupNorm(GROUPS, after),
            nn.SiLU(),
        )
