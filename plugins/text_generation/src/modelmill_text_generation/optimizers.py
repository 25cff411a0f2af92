"""Muon for the matrices of a new model, with AdamW for the rest.

Axes: N matrices of one shape, R rows, C columns.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

# Quintic Newton–Schulz coefficients of Keller Jordan's Muon, kellerjordan.github.io/posts/muon.
_QUINTIC = (3.4445, -4.7750, 2.0315)
# Matches the root mean square of AdamW's updates, so both take one learning rate: "Muon is
# Scalable for LLM Training", arXiv 2502.16982, section 2.2.
_UPDATE_RMS = 0.2
# Measured at equal seconds on a novel: fewer rounds give a CPU 7 % more steps and a lower loss.
_CPU_ROUNDS = 3
# Likewise: embeddings learn better at twice the matrices' rate.
_BESIDE_MUON = 2.0


class Muon(torch.optim.Optimizer):
    """Momentum whose update is orthogonalized, all matrices of one shape in one batched call."""

    def __init__(
        self,
        params: Iterable[Tensor],
        *,
        lr: float,
        weight_decay: float,
        momentum: float = 0.95,
        rounds: int = 5,
    ) -> None:
        """Take matrices only; ``rounds`` is the number of Newton–Schulz iterations."""
        defaults: dict[str, Any] = {
            "lr": lr,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "rounds": rounds,
        }
        super().__init__(params, defaults)

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Move every matrix that has a gradient."""
        for group in self.param_groups:
            by_shape: dict[torch.Size, list[Tensor]] = defaultdict(list)
            for param in group["params"]:
                if param.grad is not None:
                    by_shape[param.shape].append(param)
            for params in by_shape.values():
                self._move(params, group)

    def _move(self, params: list[Tensor], group: dict[str, Any]) -> None:
        gradients = [param.grad for param in params if param.grad is not None]
        buffers = [self._buffer(param) for param in params]
        torch._foreach_lerp_(buffers, gradients, 1 - group["momentum"])
        nesterov = torch._foreach_lerp(gradients, buffers, group["momentum"])
        updates = orthogonalized(torch.stack(list(nesterov)), rounds=group["rounds"])  # (N, R, C)
        scale = _UPDATE_RMS * max(params[0].shape) ** 0.5
        torch._foreach_mul_(params, 1 - group["lr"] * group["weight_decay"])
        torch._foreach_add_(params, list(updates.unbind()), alpha=-group["lr"] * scale)

    def _buffer(self, param: Tensor) -> Tensor:
        state = self.state[param]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(param)
        buffer: Tensor = state["momentum_buffer"]
        return buffer


def orthogonalized(matrices: Tensor, *, rounds: int) -> Tensor:
    """Push all singular values of ``(N, R, C)`` towards 1 by Newton–Schulz iteration."""
    a, b, c = _QUINTIC
    # bfloat16 is enough on a GPU; a CPU without its instructions is slower in it.
    x = matrices.bfloat16() if matrices.is_cuda else matrices.float()
    is_tall = x.size(-2) > x.size(-1)
    if is_tall:
        x = x.mT
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(rounds):
        square = x @ x.mT  # (N, R, R)
        polynomial = torch.baddbmm(square, square, square, beta=b, alpha=c)
        x = torch.baddbmm(x, polynomial, x, beta=a)
    return (x.mT if is_tall else x).to(matrices.dtype)


def make_optimizers(
    model: nn.Module, *, kind: str, lr: float, weight_decay: float
) -> list[torch.optim.Optimizer]:
    """Give the optimizers of a model: AdamW alone, or Muon for its hidden matrices beside it."""
    matrices: list[Tensor] = []
    tables: list[Tensor] = []
    vectors: list[Tensor] = []
    for name, param in model.named_parameters():
        if not param.requires_grad:
            continue
        is_table = "embed" in name or "lm_head" in name
        (vectors if param.ndim < 2 else tables if is_table else matrices).append(param)
    decayed = tables
    optimizers: list[torch.optim.Optimizer] = []
    on_cuda = next(model.parameters()).is_cuda
    if kind == "muon":
        rounds = 5 if on_cuda else _CPU_ROUNDS
        optimizers.append(Muon(matrices, lr=lr, weight_decay=weight_decay, rounds=rounds))
    else:
        decayed = matrices + tables
    scale = _BESIDE_MUON if kind == "muon" else 1.0
    groups = [
        {"params": decayed, "weight_decay": weight_decay, "lr_scale": scale},
        {"params": vectors, "weight_decay": 0.0, "lr_scale": scale},
    ]
    groups = [group for group in groups if group["params"]]
    if groups:
        fused = on_cuda or None
        optimizers.append(torch.optim.AdamW(groups, lr=lr, betas=(0.9, 0.95), fused=fused))
    return optimizers


def set_learning_rate(optimizers: Iterable[torch.optim.Optimizer], rate: float) -> None:
    """Give every group the rate of this step, in its own proportion."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = rate * group.get("lr_scale", 1.0)


def learning_rate_at(step: int, *, steps: int, warmup: int, peak: float) -> float:
    """Give the rate of a step counted from 1: a linear rise, then a linear fall to zero.

    Falling all the way serves short trainings best: "Straight to Zero", arXiv 2502.15938.
    """
    if step <= warmup:
        return peak * step / warmup
    return peak * (steps - step + 1) / (steps - warmup + 1)
