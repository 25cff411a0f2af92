"""The generator that customers get: an exponential moving average of the one that learns.

Yazıcı et al.: "The unusual effectiveness of averaging in GAN training", ICLR 2019.
"""

import torch
from torch import nn


@torch.no_grad()
def ema_update(average: nn.Module, learner: nn.Module, *, step: int, decay: float) -> None:
    """Move every weight and buffer of `average` a little towards `learner`'s.

    Early on the average is short, so that it forgets the random start: at step n it reaches
    back about n / 10 steps, and never further than 1 / (1 - decay).
    """
    decay = min(decay, (1 + step) / (10 + step))
    for mean, value in zip(_tensors(average), _tensors(learner), strict=True):
        if mean.is_floating_point():
            mean.lerp_(value, 1 - decay)
        else:
            mean.copy_(value)


def _tensors(module: nn.Module) -> list[torch.Tensor]:
    return [*module.parameters(), *module.buffers()]
