"""The best weights so far, and when to stop looking for better ones."""

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

Weights = dict[str, Tensor]


@dataclass(kw_only=True)
class Best:
    """Remembers the weights with the best held-out score.

    ``patience`` is how many measurements in a row may be no better before ``is_over``; 0 waits for
    ever. ``as_json`` and ``weights`` are what a checkpoint has to keep.
    """

    patience: int = 0
    is_lower_better: bool = True
    score: float | None = None
    step: int = 0
    worse_in_a_row: int = 0
    weights: Weights = field(default_factory=dict, repr=False)

    def measure(self, score: float, *, step: int, network: nn.Module) -> bool:
        """Take a held-out score; keep a copy of the weights and say True when it is the best."""
        sign = 1 if self.is_lower_better else -1
        if self.score is None or sign * score < sign * self.score:
            self.score, self.step, self.worse_in_a_row = score, step, 0
            self.weights = {
                name: tensor.detach().to("cpu", copy=True).contiguous()
                for name, tensor in network.state_dict().items()
            }
            return True
        self.worse_in_a_row += 1
        return False

    @property
    def is_over(self) -> bool:
        """Whether patience has run out."""
        return 0 < self.patience <= self.worse_in_a_row

    @torch.no_grad()
    def restore(self, network: nn.Module) -> None:
        """Put the best weights back; a network that was never measured stays as it is."""
        if self.weights:
            network.load_state_dict(self.weights)

    def as_json(self) -> dict[str, float | int | None]:
        """Give what to write beside the weights; ``Best(**…)`` takes it back."""
        return {"score": self.score, "step": self.step, "worse_in_a_row": self.worse_in_a_row}
