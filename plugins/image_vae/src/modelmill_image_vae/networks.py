"""The encoder and the decoder.

Axes: B batch, L latent, F features, C picture channels, H height, W width, K clumps.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

from modelmill_image_vae.clumps import CLUMPS, clumps_of, place_of, spread_of
from modelmill_image_vae.config import VaeConfig

GROUPS = 8


class Vae(nn.Module):
    """Strided convolutions to a latent, and convolutions that fold features out to a picture.

    Kingma and Welling: "Auto-encoding variational Bayes", ICLR 2014; features become places as in
    Shi et al.: "Real-time single image and video super-resolution using an efficient sub-pixel
    convolutional neural network", CVPR 2016, which does most of the work at the small sides. Group
    normalisation, because an answer must not depend on who else is in the batch.

    ``centres``, ``shares`` and ``spread`` say where the latents of real pictures lie, in clumps,
    which is where new ones are drawn (Ghosh et al.: "From variational to deterministic
    autoencoders", ICLR 2020, section 4). ``left`` is the squared difference that rebuilding leaves.
    """

    centres: Tensor
    shares: Tensor
    spread: Tensor
    left: Tensor

    def __init__(self, config: VaeConfig) -> None:
        super().__init__()
        self.config = config
        widths, latent, side = config.widths, config.latent_size, config.side
        features = widths[-1] * side * side
        self.encoder = nn.Sequential(
            *(_Down(before, after) for before, after in pairwise([config.channels, *widths])),
            nn.Flatten(),
            nn.Linear(features, 2 * latent),
        )
        self.start = nn.Sequential(nn.Linear(latent, features), nn.SiLU())
        upward = [*reversed(widths)]
        self.decoder = nn.Sequential(
            *(_Up(before, after) for before, after in pairwise(upward)),
            nn.Conv2d(widths[0], 4 * config.channels, 3, padding=1),
            nn.PixelShuffle(2),
        )
        self.register_buffer("centres", torch.zeros(CLUMPS, latent))
        self.register_buffer("shares", torch.eye(1, CLUMPS)[0])
        self.register_buffer("spread", torch.eye(latent))
        self.register_buffer("left", torch.ones(()))

    def encode(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Give mean and log variance, `(B, L)` each, of the latents of pictures `(B, C, H, W)`."""
        mean, log_variance = self.encoder(pictures).float().chunk(2, dim=1)  # (B, L) twice
        return mean, log_variance.clamp(-12, 8)

    def decode(self, latents: Tensor) -> Tensor:
        """Give pictures `(B, C, H, W)` in [-1, 1] of latents `(B, L)`."""
        side = self.config.side
        x = self.start(latents).unflatten(1, (-1, side, side))  # (B, F, H', W')
        pictures: Tensor = self.decoder(x).tanh()  # (B, C, H, W)
        return pictures

    def placed(self, noise: Tensor, choice: Tensor) -> Tensor:
        """Turn normal noise `(B, L)` into latents like those of real pictures.

        ``choice`` `(B,)`, even in [0, 1), says in which clump each of them lies.
        """
        latents: Tensor = place_of(choice, self.centres, self.shares) + noise @ self.spread.T
        return latents  # (B, L)

    @torch.no_grad()
    def settle(self, latents: Tensor) -> None:
        """Remember where the latents `(N, L)` of real pictures lie."""
        latents = latents.cpu()
        centres, nearest = clumps_of(latents)
        count = len(centres)
        self.centres[:count] = centres.to(self.centres.device)
        self.shares.zero_()[:count] = (torch.bincount(nearest, minlength=count) / len(nearest)).to(
            self.shares.device
        )
        self.spread.copy_(spread_of(latents - centres[nearest], freedom=len(latents) - count))


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
            nn.Conv2d(before, 4 * after, 3, padding=1),
            nn.PixelShuffle(2),
            nn.GroupNorm(GROUPS, after),
            nn.SiLU(),
        )
