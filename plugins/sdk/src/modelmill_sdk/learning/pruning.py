"""Weights set to zero, with what it costs measured.

The smallest weights of each linear and convolutional layer go: Han et al., "Learning both weights
and connections for efficient neural networks", NIPS 2015. Zeros compress well and, in this form,
compute no faster: what is gained is the size of the file that is sent.
"""

import copy
import zlib
from collections.abc import Callable

import torch
from torch import nn

_LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d)


@torch.no_grad()
def pruned(network: nn.Module, *, share: float) -> nn.Module:
    """Give a copy without the smallest ``share`` (0 to 1) of each layer's weights."""
    smaller = copy.deepcopy(network)
    for layer in smaller.modules():
        if isinstance(layer, _LAYERS):
            weight = layer.weight
            count = int(weight.numel() * share)
            if count:
                bar = weight.abs().flatten().kthvalue(count).values
                weight.mul_(weight.abs() > bar)
    return smaller


@torch.no_grad()
def largest_share(
    network: nn.Module,
    *,
    loss_of: Callable[[nn.Module], float],
    allowed: float,
    shares: tuple[float, ...] = (0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1),
) -> tuple[float, nn.Module]:
    """Find the largest share whose held-out loss is at most ``allowed`` above the network's own."""
    before = loss_of(network)
    for share in shares:
        candidate = pruned(network, share=share)
        if loss_of(candidate) <= before + allowed:
            return share, candidate
    return 0.0, copy.deepcopy(network)


def compressed_bytes(network: nn.Module) -> int:
    """Give the size of the weights as they travel, compressed by zlib at its default level."""
    return sum(
        len(zlib.compress(value.detach().cpu().contiguous().numpy().tobytes()))
        for value in network.state_dict().values()
    )
