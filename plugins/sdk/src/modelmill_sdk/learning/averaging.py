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

    Both have to be on one device.
    """

    def __init__(self, network: Network, *, decay: float) -> None:
        """Begin at the network's weights; ``decay`` is what is kept of the old at each step."""
        self.network: Network = copy.deepcopy(network).eval().requires_grad_(False)
        self.decay = decay
        self._mine, self._theirs = _Tensors(self.network), _Tensors(network)

    @torch.no_grad()
    def update(self, network: nn.Module, *, step: int) -> None:
        """Move towards the network after its step number ``step`` (from 0), buffers copied."""
        decay = min(self.decay, (1 + step) / (10 + step))
        if network is not self._theirs.network:
            self._theirs = _Tensors(network)
        mine, theirs = self._mine.now(), self._theirs.now()
        floats = [place for place, one in enumerate(theirs) if one.is_floating_point()]
        torch._foreach_lerp_(
            [mine[place] for place in floats], [theirs[place] for place in floats], 1 - decay
        )
        for kept, new in zip(mine, theirs, strict=True):
            if not kept.is_floating_point():
                kept.copy_(new)


class _Tensors:
    """A network's weights and buffers.

    Looking them up costs a small network's step a tenth of its time, so it is done again only when
    the first of them shows that others have taken their places: ``to()`` leaves the weights and
    replaces the buffers, ``load_state_dict(assign=True)`` replaces both.
    """

    def __init__(self, network: nn.Module) -> None:
        self.network = network
        self._look()

    def now(self) -> list[Tensor]:
        """Give those that the network has now."""
        first = next(self.network.parameters(), None)
        is_moved = first is not None and (first.device, first.dtype) != self._kind
        if first is not self._first or is_moved:
            self._look()
        return self._all

    def _look(self) -> None:
        self._first = next(self.network.parameters(), None)
        self._kind = None if self._first is None else (self._first.device, self._first.dtype)
        self._all: list[Tensor] = [*self.network.parameters(), *self.network.buffers()]
