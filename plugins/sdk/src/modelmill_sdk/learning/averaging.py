"""An exponential moving average of a network's weights.

Polyak and Juditsky, 1992; the rising decay is TensorFlow's ``ExponentialMovingAverage``.
"""

import copy
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn

Network = TypeVar("Network", bound=nn.Module)


class Average(Generic[Network]):
    """A copy of a network whose weights follow the original's slowly; ``network`` is the copy.

    Both stay on the device where they are when it is made.
    """

    def __init__(self, network: Network, *, decay: float) -> None:
        """Begin at the network's weights; ``decay`` is what is kept of the old at each step."""
        self.network: Network = copy.deepcopy(network).eval().requires_grad_(False)
        self.decay = decay
        # Looking up the tensors costs a small network's step a tenth of its time: once is enough.
        self._mine = _tensors(self.network)
        self._theirs: tuple[nn.Module, list[Tensor]] = (network, _tensors(network))

    @torch.no_grad()
    def update(self, network: nn.Module, *, step: int) -> None:
        """Move towards the network after its step number ``step`` (from 0), buffers copied."""
        decay = min(self.decay, (1 + step) / (10 + step))
        if network is not self._theirs[0]:
            self._theirs = (network, _tensors(network))
        theirs = self._theirs[1]
        floats = [place for place, one in enumerate(theirs) if one.is_floating_point()]
        torch._foreach_lerp_(
            [self._mine[place] for place in floats], [theirs[place] for place in floats], 1 - decay
        )
        for kept, new in zip(self._mine, theirs, strict=True):
            if not kept.is_floating_point():
                kept.copy_(new)


def _tensors(network: nn.Module) -> list[Tensor]:
    return [*network.parameters(), *network.buffers()]
