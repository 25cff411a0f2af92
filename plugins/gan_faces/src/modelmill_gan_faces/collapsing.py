"""When a generator has collapsed: it draws nearly the same picture, whatever is asked of it."""

from dataclasses import dataclass, field

import torch
from modelmill_sdk.learning.stopping import Weights
from torch import nn

# Measured so often in a training, evenly spread.
MEASUREMENTS = 24
# Below this share of the pictures' own variety the samples look all alike.
ALIKE = 0.3
# A dip mends itself within a measurement or two; what has lasted for three has not come back.
PATIENCE = 3
# A young generator draws a blur, which is no collapse: as long as the longer of the two.
YOUNG_SHARE = 0.25
YOUNG_STEPS = 500


@dataclass(kw_only=True)
class Collapse:
    """Remembers the last weights whose pictures varied, and says when a collapse has lasted.

    It has lasted when the pictures were alike in ``PATIENCE`` measurements in a row, of which there
    are ``MEASUREMENTS`` in a training; those of a young generator do not count. ``as_json`` and
    ``weights`` are what a checkpoint has to keep.
    """

    alike_in_a_row: int = 0
    first_step: int = 0
    good_step: int = 0
    weights: Weights = field(default_factory=dict, repr=False)

    def measure(self, variety: float, *, step: int, steps: int, network: nn.Module) -> None:
        """Take the variety of the samples, as a share of the pictures' own, after a step."""
        # So written that a variety that is no number counts as none.
        if variety >= ALIKE:
            self.alike_in_a_row, self.good_step = 0, step
            self.weights = {
                name: tensor.detach().to("cpu", copy=True).contiguous()
                for name, tensor in network.state_dict().items()
            }
        elif step >= max(YOUNG_STEPS, YOUNG_SHARE * steps):
            self.alike_in_a_row += 1
            if self.alike_in_a_row == 1:
                self.first_step = step

    @property
    def has_lasted(self) -> bool:
        """Whether going on is a waste."""
        return self.alike_in_a_row >= PATIENCE

    @torch.no_grad()
    def restore(self, network: nn.Module) -> bool:
        """Put the last weights back whose pictures varied, if the newest are alike; say whether."""
        if not (self.alike_in_a_row and self.weights):
            return False
        network.load_state_dict(self.weights)
        return True

    def as_json(self) -> dict[str, int]:
        """Give what to write beside the weights; ``Collapse(**…)`` takes it back."""
        return {
            "alike_in_a_row": self.alike_in_a_row,
            "first_step": self.first_step,
            "good_step": self.good_step,
        }
