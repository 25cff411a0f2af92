"""Loss and gradient of a step as one CUDA graph, for batches that all have one shape."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from modelmill_sdk.learning.graphs import Graphed
from modelmill_sdk.learning.precision import Precision
from torch import Tensor, nn

from modelmill_text_generation.batches import Batch
from modelmill_text_generation.networks import loss_sum

if TYPE_CHECKING:
    from modelmill_text_generation.plans import Plan


class GraphedGradient:
    """What a batch's mean loss is, its gradient left in the weights."""

    def __init__(
        self, model: nn.Module, plan: "Plan", precision: Precision, *, log: Callable[[str], None]
    ) -> None:
        """Take a model on a CUDA device; batches are ``plan.batch`` × ``plan.context`` tokens."""
        self._model, self._precision = model, precision
        device = next(model.parameters()).device
        self._tokens = torch.zeros(2, plan.batch, plan.context, dtype=torch.long, device=device)
        self._graphed = Graphed(self._work, log=log)

    def __call__(self, batch: Batch) -> Tensor:
        """Give the mean loss; every target of the batch is learned, and nothing is apart."""
        self._tokens[0].copy_(batch.inputs, non_blocking=True)
        self._tokens[1].copy_(batch.targets, non_blocking=True)
        return self._graphed().clone()

    def _work(self) -> Tensor:
        for param in self._model.parameters():
            if param.grad is not None:
                param.grad.zero_()
        batch = Batch(inputs=self._tokens[0], targets=self._tokens[1])
        loss = loss_sum(self._model, batch, self._precision) / batch.inputs.numel()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.detach()
