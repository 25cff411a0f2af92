"""A loss that is no longer a number ends the training, with a sentence that says what to do."""

from collections.abc import Mapping

import torch
from torch import Tensor

from modelmill_sdk.errors import CustomerError


class FiniteWatch:
    """Looks at losses: every time on a CPU, now and then on a GPU, which would have to wait."""

    def __init__(self, *, device: str, every: int = 20) -> None:
        """Look at every ``every``-th step on a GPU."""
        self._every = 1 if torch.device(device).type == "cpu" else every

    def check(self, losses: Mapping[str, Tensor], *, step: int, is_last: bool = False) -> None:
        """Raise CustomerError when a loss is infinite or no number."""
        if step % self._every and not is_last:
            return
        broken = [name for name, loss in losses.items() if not bool(torch.isfinite(loss).all())]
        if broken:
            raise CustomerError(
                f"The training broke down at step {step}: {', '.join(broken)} is no longer a "
                "number. Choose a lower learning_rate, and train again.",
                param="learning_rate",
                code="nan_loss",
            )
