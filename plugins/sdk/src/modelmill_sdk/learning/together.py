"""One batch worked through by the processes of several devices, as if it were one.

Each computes the gradient of its share of the rows; the sum of the shares is the whole batch's, so
several devices learn what one would, but for the last bits, and for batch statistics, which a share
takes of itself. Averaging gradients: Li et al., "PyTorch Distributed", VLDB 2020.
"""

from collections.abc import Iterable, Iterator
from datetime import timedelta

import numpy as np
import torch
from torch import Tensor, nn

from modelmill_sdk.learning.precision import Precision
from modelmill_sdk.runs import TrainRun

# As many numbers travel at once: enough to be worth the way, and little beside the weights.
_BUCKET_NUMBERS = 8 * 1024 * 1024
_PATIENCE = timedelta(days=2)


class Together:
    """This process's part in a batch; with one device, all of it."""

    def __init__(self, run: TrainRun | None = None) -> None:
        """Meet the other processes of the run, if there are any; without a run there are none."""
        self.rank, self.world_size = (0, 1) if run is None else (run.rank, run.world_size)
        if run is not None and self.world_size > 1:
            from accelerate import PartialState

            # While the first one measures the others wait for it, however long that takes.
            self._place = torch.device(run.device)
            PartialState(cpu=self._place.type == "cpu", timeout=_PATIENCE)
            if self._place.type == "cuda":
                torch.cuda.set_device(self._place)

    def seed(self, seed: int) -> int:
        """Give each process a seed of its own, so that its rows are not dropped as another's are.

        The first one's is ``seed`` itself.
        """
        if self.rank == 0:
            return seed
        # Other numbers all over: a CPU's generator of torch's looks at the low half alone.
        mixed = np.random.SeedSequence((seed % 2**64, self.rank)).generate_state(1, np.uint64)[0]
        return int(mixed >> 1)

    def share(self, rows: int) -> tuple[int, int]:
        """Give the first of this process's rows, and the first behind them; perhaps none."""
        return rows * self.rank // self.world_size, rows * (self.rank + 1) // self.world_size

    def agreed(self, precision: Precision) -> Precision:
        """Give the first process's choice: each may have measured another. All must call it."""
        if self.world_size == 1:
            return precision
        choice = torch.tensor(float(precision.is_half), device=self._place)
        torch.distributed.broadcast(choice, src=0)
        return Precision(precision.device_type, is_half=bool(choice))

    def sum(self, loss: Tensor, weights: Iterable[nn.Parameter]) -> Tensor:
        """Sum the shares' gradients in place, and give the sum of the shares' losses.

        Every process must call it with the same weights, in the same order, and as often. A weight
        that its share did not ask for has a gradient of nothing: another's may have.
        """
        if self.world_size == 1:
            return loss
        loss, gradients = loss.clone(), []
        for weight in weights:
            if weight.requires_grad:
                if weight.grad is None:
                    weight.grad = torch.zeros_like(weight)
                gradients.append(weight.grad)
        for bucket in _buckets([*gradients, loss]):
            flat = torch.cat([one.reshape(-1).float() for one in bucket])
            torch.distributed.all_reduce(flat)
            parts = torch.split(flat, [one.numel() for one in bucket])
            for one, summed in zip(bucket, parts, strict=True):
                one.copy_(summed.view(one.shape))
        return loss


def _buckets(tensors: list[Tensor]) -> Iterator[list[Tensor]]:
    bucket: list[Tensor] = []
    size = 0
    for tensor in tensors:
        if bucket and size + tensor.numel() > _BUCKET_NUMBERS:
            yield bucket
            bucket, size = [], 0
        bucket.append(tensor)
        size += tensor.numel()
    yield bucket
