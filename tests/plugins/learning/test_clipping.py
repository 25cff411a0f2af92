"""Private steps: in parts they are what they are in one piece."""

import copy
import warnings

import pytest
import torch
from modelmill_sdk.errors import CustomerError
from modelmill_sdk.learning.clipping import ClippedSum
from modelmill_sdk.learning.memory import Accumulator
from torch import nn

NETWORK = nn.Sequential(nn.Embedding(9, 4), nn.Flatten(), nn.Linear(12, 5), nn.Linear(5, 1))


class Learner:
    """A small network that learns privately, from words of three each."""

    def __init__(self, *, clip: float = 0.5, noise: float = 1.0) -> None:
        from opacus.grad_sample import GradSampleModule
        from opacus.optimizers import DPOptimizer

        self.network, self.said = copy.deepcopy(NETWORK), []
        GradSampleModule(self.network)
        self.optimizer = DPOptimizer(
            torch.optim.Adam(self.network.parameters(), lr=0.1),
            noise_multiplier=noise,
            max_grad_norm=clip,
            expected_batch_size=8,
            generator=torch.Generator().manual_seed(1),
        )
        parts = Accumulator(8, log=self.said.append)
        self.sum = ClippedSum(self.network, self.optimizer, parts)

    def step(self, row_count: int, *, most_rows: int = 99, breaks_at: int = 2) -> torch.Tensor:
        """Learn from so many rows; more than ``most_rows`` break off before this layer."""
        random = torch.Generator().manual_seed(row_count)
        words = torch.randint(9, (row_count, 3), generator=random)

        def loss_of(first: int, end: int) -> torch.Tensor:
            hidden = words[first:end]
            for number, layer in enumerate(self.network):
                # The last row, so that parts before it have been summed already.
                if number == breaks_at and end == row_count and end - first > most_rows:
                    raise torch.OutOfMemoryError
                hidden = layer(hidden)
            return (hidden - 3).square().mean()

        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Full backward hook is firing")
            return self.sum.step(loss_of, row_count=row_count)

    def weights(self) -> torch.Tensor:
        return nn.utils.parameters_to_vector(self.network.parameters()).detach()


@pytest.mark.parametrize("breaks_at", [0, 1, 3])
def test_a_batch_in_parts_takes_the_step_of_a_whole_one(breaks_at: int) -> None:
    whole, parts = Learner(), Learner()
    for row_count in (8, 11, 0, 5, 9):
        loss = whole.step(row_count)
        split = parts.step(row_count, most_rows=3, breaks_at=breaks_at)
        assert torch.allclose(loss, split, atol=1e-5)
    assert torch.allclose(whole.weights(), parts.weights(), atol=1e-5)
    assert [line.split(" at a time")[0].split()[-1] for line in parts.said] == ["4", "2"]
    assert whole.said == []


def test_an_empty_batch_is_noise_alone() -> None:
    silent, noisy = Learner(noise=0.0), Learner()
    before = silent.weights()
    assert silent.step(0) == noisy.step(0) == 0
    assert torch.equal(silent.weights(), before)
    assert (noisy.weights() != before).all()


def test_no_row_moves_the_sum_by_more_than_the_clip() -> None:
    learner = Learner(clip=0.01, noise=0.0)
    learner.step(8, most_rows=3)
    gradient = torch.cat([weight.grad.reshape(-1) for weight in learner.network.parameters()])
    assert 0 < gradient.norm() <= 0.01


def test_a_row_that_does_not_fit_is_told_to_the_customer() -> None:
    with pytest.raises(CustomerError, match="Not even one row"):
        Learner().step(8, most_rows=0)
