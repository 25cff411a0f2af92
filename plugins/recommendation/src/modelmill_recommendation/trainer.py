"""One step of learning: every position of a batch guesses its next item among all.

Axes: B batch, L positions, P positions with a next item, I items.
"""

from collections.abc import Callable

import torch
from modelmill_sdk.learning.finite import FiniteWatch
from modelmill_sdk.learning.memory import Accumulator
from modelmill_sdk.learning.precision import Precision
from modelmill_sdk.learning.schedules import rate_set, warmup_cosine
from modelmill_sdk.learning.together import Together
from torch import Tensor
from torch.nn import functional as F

from modelmill_recommendation.network import SasRec
from modelmill_recommendation.recipe import Recipe

WARMUP_SHARE = 0.05
FLOOR = 0.05
WEIGHT_DECAY = 0.01
GRADIENT_NORM = 1.0


def batch_loss(
    network: SasRec, batch: Tensor, *, part: tuple[int, int], precision: Precision
) -> Tensor:
    """Give the cross-entropy over all items of the rows ``part`` of a batch ``(B, L + 1)``.

    Scaled so that the parts' losses, weighted by their rows, add up to the mean over the whole
    batch's positions, however many of them each part has.
    """
    first, end = part
    history, following = batch[first:end, :-1], batch[first:end, 1:]
    is_asked = history != 0  # (B, L)
    position_count = (batch[:, :-1] != 0).sum()
    with precision.autocast():
        logits = network.scores(network(history)[is_asked])  # (P, I)
    total = F.cross_entropy(logits.float(), following[is_asked] - 1, reduction="sum")
    return total / position_count * (len(batch) / (end - first))


class Trainer:
    """The network and its optimizer, at a step."""

    def __init__(
        self,
        network: SasRec,
        recipe: Recipe,
        *,
        precision: Precision,
        seed: int,
        log: Callable[[str], None],
        loss_of: Callable[..., Tensor] = batch_loss,
        together: Together | None = None,
    ) -> None:
        """Begin at step 0; ``log`` hears when the memory asks for smaller parts.

        ``loss_of`` takes what ``batch_loss`` takes; a comparison may bring another. ``together``
        shares each batch with the processes of other devices.
        """
        self.network, self.recipe, self.precision = network, recipe, precision
        self.loss_of = loss_of
        self.seed, self.step = seed, 0
        self.device = network.bias.device
        self.optimizer = torch.optim.AdamW(
            network.parameters(), lr=recipe.learning_rate, weight_decay=WEIGHT_DECAY
        )
        self.together = together or Together()
        share = self.together.share(recipe.batch_size)
        self._accumulator = Accumulator(recipe.batch_size, log=log, rows=share)
        self._accumulator.part_size = recipe.part_size
        self._watch = FiniteWatch(device=str(self.device))

    def advance(self, batch: Tensor) -> tuple[Tensor, float]:
        """Learn from one batch ``(B, L + 1)``; give its loss in nats and the learning rate."""
        # Dropout draws from the step's own seed: a resumed training needs no generator's state.
        torch.manual_seed(self.together.seed(self.seed * 1_000_003 + self.step))
        rate = self._rate()
        rate_set([self.optimizer], rate)
        batch = batch.to(self.device, non_blocking=True)
        self.network.train()
        loss = self._accumulator.backward(
            lambda first, end: self.loss_of(
                self.network, batch, part=(first, end), precision=self.precision
            ),
            zero_grad=self.optimizer.zero_grad,
        )
        loss = self.together.sum(loss, self.network.parameters())
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), GRADIENT_NORM)
        self.optimizer.step()
        self.step += 1
        self._watch.check({"loss": loss}, step=self.step, is_last=self.step == self.recipe.steps)
        return loss, rate

    def _rate(self) -> float:
        steps = self.recipe.steps
        warmup = int(WARMUP_SHARE * steps) + 1
        peak = self.recipe.learning_rate
        return warmup_cosine(self.step, steps=steps, peak=peak, warmup=warmup, floor=FLOOR)
