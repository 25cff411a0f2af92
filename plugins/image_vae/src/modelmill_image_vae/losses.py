"""What a rebuilt picture is judged by.

Axes: B batch, C channels, H height, W width, L latent.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

WINDOW = 7


def divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Kullback-Leibler divergence `(B,)` from the normal prior, in nats; inputs `(B, L)`."""
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(dim=1)  # (B,)


def likeness(first: Tensor, second: Tensor) -> Tensor:
    """Structural similarity `(B,)` of pictures `(B, C, H, W)` in [-1, 1]; 1 for equal ones.

    Wang, Bovik, Sheikh, Simoncelli: "Image quality assessment", 2004, with a flat window.
    """
    first, second = (first.float() + 1) / 2, (second.float() + 1) / 2
    stacked = torch.cat([first, second, first * first, second * second, first * second], dim=1)
    one, two, one_sq, two_sq, both = F.avg_pool2d(stacked, WINDOW, 1).chunk(5, dim=1)
    c1, c2 = 0.01**2, 0.03**2
    above = (2 * one * two + c1) * (2 * (both - one * two) + c2)
    below = (one**2 + two**2 + c1) * (one_sq - one**2 + two_sq - two**2 + c2)
    return (above / below).mean(dim=(1, 2, 3))  # (B,)
