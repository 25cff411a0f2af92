"""The generator: draws a picture from a latent.

Axes: B batch, L latent, K labels, F features, C picture channels, H height, W width.
"""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from modelmill_gan_faces.config import FacesConfig

LEAK = 0.2


class Generator(nn.Module):
    """A mapping of the latent, then transposed convolutions from 4×4 up, styled by it throughout.

    Radford, Metz, Chintala: "Unsupervised representation learning with deep convolutional GANs",
    ICLR 2016 (the layers); Karras, Laine, Aila: "A style-based generator architecture", CVPR 2019
    (mapping and truncation); Chen et al.: "On self modulation for GANs", ICLR 2019 (styles). A
    label moves the latent before it is mapped.
    """

    style_mean: Tensor

    def __init__(self, config: FacesConfig) -> None:
        super().__init__()
        latent_size, widths = config.latent_size, config.widths()
        self.latent_size, self.label_count = latent_size, len(config.labels)
        self.mapping = nn.Sequential(
            nn.Linear(latent_size, latent_size),
            nn.LeakyReLU(LEAK),
            nn.Linear(latent_size, latent_size),
            nn.LeakyReLU(LEAK),
        )
        self.start = nn.Linear(latent_size, widths[0] * 4 * 4, bias=False)
        self.start_style = StyledActivation(widths[0], latent_size)
        self.ups = nn.ModuleList(
            StyledUp(before, after, latent_size) for before, after in pairwise(widths)
        )
        self.to_picture = nn.ConvTranspose2d(widths[-1], config.channels, 4, stride=2, padding=1)
        means = (self.label_count, latent_size) if self.label_count else (latent_size,)
        self.register_buffer("style_mean", torch.zeros(means))  # (K, L), or (L,) without labels
        if self.label_count:
            self.label = nn.Embedding(self.label_count, latent_size)

    def forward(
        self, latents: Tensor, labels: Tensor | None = None, *, truncation: float | Tensor = 1.0
    ) -> Tensor:
        """Draw pictures `(B, C, H, W)` in [-1, 1] from normal latents `(B, L)`.

        `labels` `(B,)` are compulsory for a model that knows some. Below a `truncation` of 1 styles
        are drawn towards the mean style of their label, which `centre` finds: less variety, fewer
        failures (Karras et al., CVPR 2019, appendix B). It may be one for each picture, `(B, 1)`.
        """
        styles = self.styles(latents, labels)  # (B, L)
        if isinstance(truncation, Tensor) or truncation != 1.0:
            mean = self.style_mean if labels is None else self.style_mean[labels]  # (L,) or (B, L)
            styles = mean + truncation * (styles - mean)  # (B, L)
        x = self.start(styles).unflatten(1, (-1, 4, 4))  # (B, F, 4, 4)
        x = x.contiguous(memory_format=torch.channels_last)  # (B, F, 4, 4)
        x = self.start_style(x, styles)  # (B, F, 4, 4)
        for up in self.ups:
            x = up(x, styles)  # (B, F, 2 H, 2 W)
        pictures: Tensor = self.to_picture(x).tanh()  # (B, C, H, W)
        return pictures

    def styles(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map latents `(B, L)`, scaled to the sphere, to styles `(B, L)`."""
        length = latents.square().mean(dim=1, keepdim=True).sqrt()  # (B, 1)
        places = latents / (length + 1e-8)  # (B, L)
        if labels is not None:
            places = places + self.label(labels)  # (B, L)
        styles: Tensor = self.mapping(places)  # (B, L)
        return styles

    @torch.no_grad()
    def centre(self, *, samples: int = 4096) -> None:
        """Find the mean styles, from fixed latents, so that the same weights give the same mean."""
        random = torch.Generator().manual_seed(0)
        latents = torch.randn(samples, self.latent_size, generator=random)  # (S, L)
        latents = latents.to(self.style_mean.device)  # (S, L)
        if not self.label_count:
            self.style_mean.copy_(self.styles(latents).mean(dim=0))
        for label in range(self.label_count):
            labels = torch.full((samples,), label, device=latents.device)  # (S,)
            self.style_mean[label] = self.styles(latents, labels).mean(dim=0)


class StyledUp(nn.Module):
    """Double height and width, then a styled activation."""

    def __init__(self, before: int, after: int, latent_size: int) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(before, after, 4, stride=2, padding=1, bias=False)
        self.style = StyledActivation(after, latent_size)

    def forward(self, x: Tensor, styles: Tensor) -> Tensor:
        """Map features `(B, F, H, W)` to `(B, F', 2 H, 2 W)`."""
        styled: Tensor = self.style(self.up(x), styles)  # (B, F', 2 H, 2 W)
        return styled


class StyledActivation(nn.Module):
    """Normalise over the batch, scale and shift as the style says, and rectify."""

    def __init__(self, features: int, latent_size: int) -> None:
        super().__init__()
        # The style takes the place of the norm's own scale and shift.
        self.norm = nn.BatchNorm2d(features, eps=1e-4, affine=False)
        self.style = nn.Linear(latent_size, 2 * features)
        nn.init.normal_(self.style.weight, std=0.02)
        nn.init.zeros_(self.style.bias)

    def forward(self, x: Tensor, styles: Tensor) -> Tensor:
        """Style features `(B, F, H, W)` by `(B, L)`."""
        scale, shift = self.style(styles)[:, :, None, None].chunk(2, dim=1)  # (B, F, 1, 1) twice
        return F.leaky_relu(self.norm(x) * (1 + scale) + shift, LEAK)  # (B, F, H, W)
