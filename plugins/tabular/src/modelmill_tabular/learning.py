"""The network's training, step by step.

Axes: B batch, K outputs.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from modelmill_sdk.learning.batches import Shuffled
from modelmill_sdk.learning.finite import FiniteWatch
from modelmill_sdk.learning.memory import Accumulator
from modelmill_sdk.learning.schedules import one_cycle, rate_set
from modelmill_sdk.learning.stopping import Best
from torch import Tensor
from torch.nn import functional as F

from modelmill_tabular.encoding import Encoded, Encoder
from modelmill_tabular.network import RowNetwork, network_inputs, network_scores
from modelmill_tabular.scores import loss_of, predicted_of
from modelmill_tabular.tables import Floats
from modelmill_tabular.targets import Target

WEIGHT_DECAY = 0.02
_READINGS, _LEAST_STEPS, _MOST_STEPS = 60, 300, 6_000
_MEASUREMENTS = 30


@dataclass(frozen=True, kw_only=True)
class NetworkPlan:
    """What the network learns by."""

    steps: int
    batch_size: int
    learning_rate: float
    patience: int
    seed: int

    @property
    def measure_every(self) -> int:
        """Steps between two looks at the held-out rows."""
        return max(1, self.steps // _MEASUREMENTS)


@dataclass(frozen=True)
class Taught:
    """A network that has learned all it will, and the steps that took."""

    network: RowNetwork
    steps: int


def steps_for(asked: int, *, row_count: int) -> tuple[int, int]:
    """Give steps and batch size; 0 asks for sixty readings within bounds."""
    batch_size = 32 if row_count < 2_000 else 128 if row_count < 50_000 else 512
    readings = _READINGS * -(-row_count // batch_size)
    return asked or min(_MOST_STEPS, max(_LEAST_STEPS, readings)), batch_size


class Learner:
    """The network and its optimizer, at a step."""

    def __init__(
        self,
        network: RowNetwork,
        encoder: Encoder,
        target: Target,
        plan: NetworkPlan,
        *,
        learned: tuple[Encoded, Floats],
        heldout: tuple[Encoded, Floats],
        log: Callable[[str], None],
    ) -> None:
        """Begin at step 0."""
        self.network, self.target, self.plan, self.step = network, target, plan, 0
        device = str(network.head.bias.device)
        self._inputs = network_inputs(encoder, learned[0], device=device)
        self._heldout, self._wanted = network_inputs(encoder, heldout[0], device=device), heldout[1]
        kind = torch.int64 if target.is_classes else torch.float32
        self._answers = torch.from_numpy(learned[1]).to(device, kind)
        self._order = Shuffled(len(learned[1]), batch_size=plan.batch_size, seed=plan.seed)
        self._accumulator = Accumulator(plan.batch_size, log=log)
        self._watch = FiniteWatch(device=device)
        self.optimizer = torch.optim.AdamW(network.parameters(), weight_decay=WEIGHT_DECAY)
        self.best = Best(patience=plan.patience)

    @property
    def is_over(self) -> bool:
        """Whether all steps are done, or patience has run out."""
        return self.step >= self.plan.steps or self.best.is_over

    def advance(self) -> tuple[Tensor, dict[str, float]]:
        """Learn from one batch; give its loss, and the held-out one where it was measured."""
        # Dropout draws from the step's own seed: a resumed training needs no generator's state.
        torch.manual_seed(self.plan.seed * 1_000_003 + self.step)
        rate_set(
            [self.optimizer],
            one_cycle(self.step, steps=self.plan.steps, peak=self.plan.learning_rate),
        )
        rows = torch.from_numpy(self._order.rows(self.step)).to(self._answers.device)
        self.network.train()
        loss = self._accumulator.backward(
            lambda first, end: self._loss(rows[first:end]), zero_grad=self.optimizer.zero_grad
        )
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimizer.step()
        self.step += 1
        self._watch.check({"loss": loss}, step=self.step, is_last=self.step == self.plan.steps)
        return loss, self._measure()

    def _loss(self, rows: Tensor) -> Tensor:
        scores = self.network(self._inputs[0][rows], self._inputs[1][rows])  # (B, K)
        if self.target.is_classes:
            return F.cross_entropy(scores, self._answers[rows])
        return F.mse_loss(scores[:, 0], self._answers[rows])

    def _measure(self) -> dict[str, float]:
        if self.step % self.plan.measure_every and self.step != self.plan.steps:
            return {}
        scores = network_scores(self.network, self._heldout)
        loss = loss_of(predicted_of(scores, self.target), self._wanted, self.target)
        self.best.measure(loss, step=self.step, network=self.network)
        return {"network_heldout_loss": loss}
