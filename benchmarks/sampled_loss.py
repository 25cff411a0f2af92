"""The loss of SASRec's paper: each next item against one drawn at random."""

from typing import Any


class Sampled:
    """Binary cross-entropy with one negative a position (Kang and McAuley, 2018, section III-E)."""

    def __init__(self, item_count: int, *, seed: int) -> None:
        """Draw negatives among ``item_count`` items from a generator of its own."""
        import torch

        self.item_count = item_count
        self.generator = torch.Generator().manual_seed(seed)

    def loss(self, network: Any, batch: Any, *, part: tuple[int, int], precision: Any) -> Any:
        """Give the mean loss of the rows ``part`` of a batch ``(B, L + 1)``."""
        import torch
        from torch.nn import functional as F

        first, end = part
        history, following = batch[first:end, :-1], batch[first:end, 1:]
        is_asked = history != 0
        read = network(history)[is_asked]  # (P, D)
        right = following[is_asked]  # (P,)
        wrong = torch.randint(1, self.item_count + 1, right.shape, generator=self.generator)
        met = batch[first:end][is_asked.nonzero()[:, 0]]  # (P, L + 1)
        # One that the user met is drawn again, as the paper's code does.
        for _ in range(3):
            is_met = (met == wrong[:, None]).any(dim=1)
            again = torch.randint(1, self.item_count + 1, right.shape, generator=self.generator)
            wrong = torch.where(is_met, again, wrong)
        yes = (read * network.item(right)).sum(-1) + network.bias[right - 1]
        no = (read * network.item(wrong)).sum(-1) + network.bias[wrong - 1]
        count = (batch[:, :-1] != 0).sum()
        total = F.softplus(-yes).sum() + F.softplus(no).sum()
        return total / count * (len(batch) / (end - first))
