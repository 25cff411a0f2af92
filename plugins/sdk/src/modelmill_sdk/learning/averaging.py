"""An exponential moving average of a network's weights.

Polyak and Juditsky, 1992; the rising decay is TensorFlow's ``ExponentialMovingAverage``.
"""

import copy
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn

Network = TypeVar("Network", bound=nn.Module)


class Average(Generic[Network]):
    """A copy of a network whose weights follow the original's slowly; ``network`` is the copy."""

    def __init__(self, network: Network, *, decay: float) -> None:
        """Begin at the network's weights; ``decay`` is what is kept of the old at each step."""
        self.network: Network = copy.deepcopy(network).eval().requires_grad_(False)
        self.decay = decay

    @torch.no_grad()
    def update(self, network: nn.Module, *, step: int) -> None:
        """Move towards the network after its step number ``step`` (from 0), buffers copied."""
        decay = min(self.decay, (1 + step) / (10 + step))
        mine, theirs = self._floats(self.network), self._floats(network)
        torch._foreach_lerp_(mine, theirs, 1 - decay)
        for kept, new in zip(self.network.buffers(), network.buffers(), strict=True):
            if not kept.is_floating_point():
                kept.copy_(new)

    @staticmethod
    def _floats(network: nn.Module) -> list[Tensor]:
        both = [*network.parameters(), *network.buffers()]
        return [tensor.detach() for tensor in both if tensor.is_floating_point()]
