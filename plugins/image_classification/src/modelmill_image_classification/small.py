"""A small convolutional network that learns a lot in a little time.

Axes: B batch, C channels, H height, W width, K classes.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from modelmill_image_classification.config import ClassifierConfig, Norm

# Pictures from this side on are halved by the first convolution's stride: at full size it would
# cost more than all other layers together.
LARGE_PX = 96
# Below this side a plain chain learns as well, in half the time.
RESIDUAL_PX = 48
_LAST_SIDE = 4
_MAX_WIDTH = 256
_GROUPS = 8


class SmallNetwork(nn.Module):
    """Convolutions that double the channels and halve the side until it is 2 to 4 pixels.

    Pooling goes before normalisation and ReLU, which then have a quarter of the values to work on,
    with the same result where the scale is positive.
    """

    def __init__(self, config: ClassifierConfig) -> None:
        """Build it with random weights."""
        super().__init__()
        side, width, seen = config.resolution, config.width, config.channels
        stride = 2 if side >= LARGE_PX else 1
        side //= stride
        stages: list[nn.Module] = []
        while side > _LAST_SIDE:
            is_first, is_odd = not stages, side % 2 == 1
            first_stride = stride if is_first else 1
            made = (config.stem or width) if is_first else width
            stages.append(_Stage(seen, made, stride=first_stride, norm=config.norm, is_odd=is_odd))
            side //= 2
            if config.resolution >= RESIDUAL_PX and not is_first:
                stages.append(_Residual(width, norm=config.norm))
            seen, width = made, min(2 * width, max(_MAX_WIDTH, config.width))
        self.stages = nn.Sequential(*stages)
        self.head = nn.Linear(seen * side * side, len(config.labels))

    def forward(self, pictures: Tensor) -> Tensor:
        """Give logits ``(B, K)`` for pictures ``(B, C, H, W)``."""
        features = self.stages(pictures)  # (B, C, H, W)
        logits: Tensor = self.head(features.flatten(1))  # (B, K)
        return logits

    @property
    def mapped(self) -> nn.Module:
        """The layer whose activations are the finest map of what was recognised."""
        maps = [stage for stage in self.stages if isinstance(stage, _Stage)]
        return maps[-2] if len(maps) > 1 else maps[-1]


class _Stage(nn.Module):
    """Convolution, pooling, normalisation, ReLU: ``(B, C, H, W) -> (B, C', H/2, W/2)``.

    Pooling drops the last row and column of an odd side, so they are not even made.
    """

    def __init__(self, seen: int, width: int, *, stride: int, norm: Norm, is_odd: bool) -> None:
        super().__init__()
        size = 3 if stride == 1 else 5
        # Below and to the right nothing is added: those are the row and column dropped.
        self.before = size // 2 if is_odd else 0
        padding = 0 if is_odd else size // 2
        self.conv = nn.Conv2d(seen, width, size, stride, padding, bias=False)
        self.norm = _norm(width, norm)

    def forward(self, x: Tensor) -> Tensor:
        if self.before:
            x = F.pad(x, (self.before, 0, self.before, 0))  # (B, C, H+1, W+1), or 2 for strides
        pooled = F.max_pool2d(self.conv(x), 2)  # (B, C', H/2, W/2)
        return F.relu(self.norm(pooled))


class _Residual(nn.Module):
    """One more look at the same size; it starts as nothing, so depth costs no stability."""

    def __init__(self, width: int, *, norm: Norm) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.norm = _norm(width, norm)
        # He et al.: "Bag of tricks for image classification", CVPR 2019, section 3.1.
        nn.init.zeros_(self.norm.weight)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.norm(self.conv(x)))


def _norm(width: int, norm: Norm) -> nn.BatchNorm2d | nn.GroupNorm:
    return nn.BatchNorm2d(width) if norm == "batch" else nn.GroupNorm(min(_GROUPS, width), width)


def channels_last(network: nn.Module) -> nn.Module:
    """Lay a network's weights out as convolutions are fastest; give it back."""
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def planar(network: nn.Module) -> nn.Module:
    """Lay a network's weights out the plain way, as exports want them; give it back."""
    return network.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload,no-any-return]
