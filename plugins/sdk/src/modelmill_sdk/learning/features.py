"""A fixed network that turns pictures into features, the same on every machine and in every year.

Published figures use Inception's features; its weights are a download of 90 MB. A network of random
weights orders generators in the same way where pictures are far from photographs (Naeem et al.:
"Reliable fidelity and diversity metrics for generative models", ICML 2020, section 4.3). Figures
made with it compare only with each other: quote its name beside them.

Axes: B pictures, C channels, H height, W width, F features.
"""

from functools import lru_cache
from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from modelmill_sdk.learning.pictures import Bytes

# A changed weight, layer or scale is another network: give it another name.
NAME = "fixed-conv-v1"
FEATURES = 128

_SEED = 20_170_618
_SIDE = 64
_WIDTHS = (32, 48, 64, 96)
# Pooled so coarsely that a face may sit a little elsewhere, and an eye may not be on the chin.
_GRID = 4
_CALIBRATION_PICTURES = 64
# Pictures of things differ so many times as much as noise does; with it a feature is about 1.
_UNIT = 6.0
_AT_ONCE = 64


class FixedFeatures(nn.Module):
    """A scattering network with random filters: convolve, take the absolute value, halve, repeat.

    Filters have no mean, so each layer sees the detail that the one before averaged away (Bruna and
    Mallat: "Invariant scattering convolution networks", 2013). The logarithms of each layer's
    averages on a 4×4 grid, beside the picture's own colours, are scaled by what seeded noise with
    the spectrum of natural pictures gives, and projected onto 128 directions. About 2 ms a picture
    on one core.
    """

    directions: Tensor
    centre: Tensor
    scale: Tensor

    def __init__(self) -> None:
        super().__init__()
        # The one generator of NumPy whose stream is promised never to change.
        draw = np.random.RandomState(_SEED)
        widths = (3, *_WIDTHS)
        for number, (before, after) in enumerate(pairwise(widths)):
            filters = draw.standard_normal((after, before, 3, 3)).astype(np.float32)
            filters -= filters.mean(axis=(2, 3), keepdims=True)
            filters /= np.sqrt(np.square(filters).sum(axis=(1, 2, 3), keepdims=True))
            self.register_buffer(f"filters{number}", torch.from_numpy(filters))
        count = sum(widths) * _GRID * _GRID
        noise = _natural_noise(draw)
        for number, usual in enumerate(self._usual(noise)):
            self.register_buffer(f"usual{number}", usual)
        directions = draw.standard_normal((FEATURES, count)).astype(np.float32)
        self.register_buffer("directions", torch.from_numpy(directions))
        averages = self._averages(noise)  # (B, F)
        self.register_buffer("centre", averages.mean(dim=0))
        self.register_buffer("scale", 1 / (averages.std(dim=0) * count**0.5 * _UNIT))

    @torch.no_grad()
    def forward(self, pictures: Tensor) -> Tensor:
        """Give the features ``(B, 128)`` of pictures ``(B, C, H, W)`` in [-1, 1]; C is 1 or 3."""
        averages = (self._averages(pictures) - self.centre) * self.scale  # (B, F)
        return averages @ self.directions.T  # (B, 128)

    def of(self, pictures: Tensor) -> Tensor:
        """Give the features of many pictures, a few at a time, as float64 on the CPU."""
        parts = [self(part) for part in torch.split(pictures, _AT_ONCE)]
        return torch.cat(parts).double().cpu()  # (B, 128)

    def of_bytes(self, pictures: Bytes) -> Tensor:
        """Give the features of decoded pictures, ``(N, H, W, C)`` of bytes as they are stored."""
        device = self.centre.device
        parts = []
        for first in range(0, len(pictures), _AT_ONCE):
            pixels = torch.from_numpy(pictures[first : first + _AT_ONCE].copy()).to(device)
            parts.append(self(pixels.permute(0, 3, 1, 2).float() / 127.5 - 1))  # (B, 128)
        return torch.cat(parts).double().cpu()  # (N, 128)

    def _averages(self, pictures: Tensor) -> Tensor:
        x = pictures.float().expand(-1, 3, -1, -1)  # (B, 3, H, W)
        x = F.interpolate(x, (_SIDE, _SIDE), mode="bilinear", antialias=True)  # (B, 3, 64, 64)
        seen = [F.adaptive_avg_pool2d(x, _GRID).flatten(1)]  # (B, 48)
        for number in range(len(_WIDTHS)):
            x = self._layer(x, number)  # (B, F, H, W)
            # Relative to the usual, so that a blank wall is 0 and a hard edge not everything.
            usual = self.get_buffer(f"usual{number}")
            seen.append((F.adaptive_avg_pool2d(x, _GRID) / usual).log1p().flatten(1))
            x = F.avg_pool2d(x, 2)  # (B, F, H / 2, W / 2)
        return torch.cat(seen, dim=1)  # (B, F)

    def _layer(self, x: Tensor, number: int) -> Tensor:
        filters = self.get_buffer(f"filters{number}")
        return F.conv2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), filters).abs()

    def _usual(self, x: Tensor) -> list[Tensor]:
        """What each layer's channels average to, ``(F, 1, 1)`` each, over pictures."""
        usual = []
        for number in range(len(_WIDTHS)):
            x = self._layer(x, number)
            usual.append(x.mean(dim=(0, 2, 3))[:, None, None])
            x = F.avg_pool2d(x, 2)
        return usual


@lru_cache(maxsize=2)
def fixed_features(device: str = "cpu") -> FixedFeatures:
    """Give the network on a device; it is built once."""
    return FixedFeatures().eval().to(device)


def _natural_noise(draw: np.random.RandomState) -> Tensor:
    """Pictures whose power falls with the square of the frequency, as that of photographs does.

    Field: "Relations between the statistics of natural images", 1987.
    """
    shape = (_CALIBRATION_PICTURES, 3, _SIDE, _SIDE)
    rows, columns = np.fft.fftfreq(_SIDE)[:, None], np.fft.fftfreq(_SIDE)[None, :]
    distance = np.maximum(np.sqrt(rows**2 + columns**2), 1 / _SIDE)
    white = np.fft.fft2(draw.standard_normal(shape))
    noise = np.real(np.fft.ifft2(white / distance))
    noise *= 0.5 / noise.std(axis=(1, 2, 3), keepdims=True)
    return torch.from_numpy(noise.clip(-1, 1).astype(np.float32))  # (B, 3, 64, 64)
