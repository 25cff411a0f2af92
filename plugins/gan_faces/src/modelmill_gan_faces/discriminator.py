"""The discriminator: scores how real a picture looks.

Axes: B batch, C picture channels, F features, H height, W width.
"""

import math
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from modelmill_gan_faces.config import FacesConfig

LEAK = 0.2
# Pictures of a batch are compared in groups of four: Karras et al., "Progressive growing of
# GANs", ICLR 2018, section 3, in the grouped form of StyleGAN.
GROUP = 4
HEAD_FEATURES = 128


class Discriminator(nn.Module):
    """Strided convolutions down to 4×4, then a small head that also sees the batch's variety.

    No normalisation: each picture's score must depend on that picture alone for the gradient
    penalties to mean what they say (Gulrajani et al., NeurIPS 2017, section 4). A label is judged
    by projection: Miyato and Koyama, "cGANs with projection discriminator", ICLR 2018.
    """

    def __init__(self, config: FacesConfig) -> None:
        super().__init__()
        widths = [config.channels, *reversed(config.widths())]
        self.downs = nn.ModuleList(
            nn.Conv2d(before, after, kernel_size=4, stride=2, padding=1)
            for before, after in pairwise(widths)
        )
        self.hidden = nn.Linear((widths[-1] + 1) * 4 * 4, HEAD_FEATURES)
        self.score = nn.Linear(HEAD_FEATURES, 1)
        for layer in [*self.downs, self.hidden, self.score]:
            assert isinstance(layer, nn.Conv2d | nn.Linear) and layer.bias is not None
            nn.init.kaiming_normal_(layer.weight, a=LEAK)
            nn.init.zeros_(layer.bias)
        if config.labels:
            self.label = nn.Embedding(len(config.labels), HEAD_FEATURES)
            nn.init.normal_(self.label.weight, std=HEAD_FEATURES**-0.5)

    def forward(self, pictures: Tensor, labels: Tensor | None = None) -> Tensor:
        """Score pictures `(B, C, H, W)` in [-1, 1] as `labels` `(B,)`; returns logits `(B,)`."""
        x = pictures  # (B, C, H, W)
        for down in self.downs:
            x = F.leaky_relu(down(x), LEAK)  # (B, F, H / 2, W / 2)
        x = torch.cat([x, _variety(x)], dim=1)  # (B, F + 1, 4, 4)
        x = F.leaky_relu(self.hidden(x.flatten(1)), LEAK)  # (B, 128)
        scores: Tensor = self.score(x).squeeze(1)  # (B,)
        if labels is not None:
            scores = scores + (x * self.label(labels)).sum(dim=1)  # (B,)
        return scores


def _variety(x: Tensor) -> Tensor:
    """Mean deviation of features `(B, F, 4, 4)` within each group, as a channel `(B, 1, 4, 4)`.

    A generator that draws the same face again and again is found out by it.
    """
    size = math.gcd(GROUP, len(x))  # less than four where memory made the batch odd
    groups = x.reshape(size, -1, *x.shape[1:])  # (4, B / 4, F, 4, 4)
    # Written out, because torch.var over so short an axis is many times slower.
    distance = groups - groups.mean(dim=0)  # (4, B / 4, F, 4, 4)
    deviation = (distance.square().mean(dim=0) + 1e-8).sqrt()  # (B / 4, F, 4, 4)
    mean = deviation.mean(dim=(1, 2, 3))  # (B / 4,)
    each = mean.repeat(size)[:, None, None, None]  # (B, 1, 1, 1)
    return each.expand(-1, 1, *x.shape[2:])  # (B, 1, 4, 4)
