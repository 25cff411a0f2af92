"""Learning rates over a training, as functions of the step: nothing to save in a checkpoint."""

import math
from collections.abc import Iterable

import torch


def warmup_cosine(
    step: int, *, steps: int, peak: float, warmup: int = 0, floor: float = 0.0
) -> float:
    """Rise straight to ``peak`` in ``warmup`` steps, then fall along half a cosine to ``floor``.

    ``step`` counts from 0; ``floor`` is a share of the peak. Loshchilov and Hutter: "SGDR", ICLR
    2017.
    """
    if step < warmup:
        return peak * (step + 1) / warmup
    share = (step - warmup) / max(1, steps - warmup)
    fallen = 0.5 * (1 + math.cos(math.pi * min(1.0, share)))
    return peak * (floor + (1 - floor) * fallen)


def one_cycle(step: int, *, steps: int, peak: float, rise: float = 0.25) -> float:
    """Rise along a cosine to ``peak`` for a share ``rise`` of the steps, then fall to nothing.

    Smith and Topin: "Super-convergence", 2018. A small network trained for a few epochs learns
    fastest so.
    """
    top = max(1.0, rise * steps)
    if step < top:
        return peak * (0.04 + 0.96 * 0.5 * (1 - math.cos(math.pi * step / top)))
    return peak * 0.5 * (1 + math.cos(math.pi * min(1.0, (step - top) / max(1.0, steps - top))))


def rate_set(optimizers: Iterable[torch.optim.Optimizer], rate: float) -> None:
    """Set the rate of every group; one with its own ``rate_scale`` gets that many times as much."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = rate * group.get("rate_scale", 1.0)
