"""Private gradients of a batch that splits itself when the device's memory runs out.

Each row's gradient is clipped by itself and only their sum gets noise (Abadi et al., "Deep learning
with differential privacy", CCS 2016, algorithm 1), so a batch in parts spends exactly what a whole
one does: the parts' clipped gradients are summed first, and the noise is drawn once.
"""

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from modelmill_sdk.learning.memory import Accumulator, Step

if TYPE_CHECKING:
    from opacus.optimizers import DPOptimizer


class ClippedSum:
    """The sum of a batch's clipped gradients, of a network whose layers Opacus watches."""

    def __init__(self, network: nn.Module, optimizer: "DPOptimizer", parts: Accumulator) -> None:
        """Sum for ``optimizer``, in parts as small as ``parts`` has found to fit."""
        self._network, self._optimizer, self._parts = network, optimizer, parts

    def step(self, loss_of: Step, *, row_count: int) -> Tensor:
        """Take one step by a batch of any size, also none: that is noise alone; give its mean loss.

        ``loss_of(first, end)`` gives the *mean* loss of the batch's rows ``first`` to ``end``.
        """
        losses: list[Tensor] = []

        def begin() -> None:
            losses.clear()
            self._forget()

        def work(first: int, end: int) -> None:
            loss = loss_of(first, end)
            loss.backward()  # type: ignore[no-untyped-call]
            self._optimizer.clip_and_accumulate()
            for weight in self._optimizer.params:
                weight.grad_sample = None
            losses.append(loss.detach() * ((end - first) / row_count))

        self._parts.each(row_count, work, begin=begin)
        for weight in self._optimizer.params:
            # No rows more, as Opacus says it: what is left to do is the noise and the step.
            weight.grad_sample = weight.new_zeros((0, *weight.shape))
        self._optimizer.step()
        return torch.stack(losses).sum() if losses else self._optimizer.params[0].new_zeros(())

    def _forget(self) -> None:
        """Clear the sum, and all that a try which broke off has left with layers and weights."""
        for layer in self._network.modules():
            for name in ("activations", "max_batch_len"):
                layer.__dict__.pop(name, None)
        for weight in self._optimizer.params:
            weight.__dict__.pop("_current_grad_sample", None)
            weight._forward_counter = 0
            weight.summed_grad = None
        self._optimizer.zero_grad(set_to_none=True)
