"""What happens around a training step: memory, precision, rates, averages, stopping, state."""

import copy
import math

import pytest
import torch
from modelmill_sdk.errors import CustomerError
from modelmill_sdk.learning.averaging import Average
from modelmill_sdk.learning.finite import FiniteWatch
from modelmill_sdk.learning.memory import Accumulator
from modelmill_sdk.learning.precision import precision_choose
from modelmill_sdk.learning.schedules import one_cycle, rate_set, warmup_cosine
from modelmill_sdk.learning.state import state_restore, state_save
from modelmill_sdk.learning.stopping import Best
from modelmill_sdk.learning.together import Together
from torch import nn


def network(seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 1))


def gradient_in_parts(most_rows: int, log) -> tuple[float, torch.Tensor]:
    torch.manual_seed(0)
    rows, layer = torch.randn(10, 3), nn.Linear(3, 1)

    def loss_of(first: int, end: int) -> torch.Tensor:
        if end - first > most_rows:
            # As much as no machine has: torch has no error of its own for it on a CPU.
            torch.empty(1 << 50, dtype=torch.uint8)
        return layer(rows[first:end]).square().mean()

    loss = Accumulator(10, log=log).backward(loss_of, zero_grad=layer.zero_grad)
    return float(loss), layer.weight.grad


def test_a_batch_that_does_not_fit_is_split_and_gives_the_same_gradient() -> None:
    said: list[str] = []
    whole_loss, whole = gradient_in_parts(10, said.append)
    assert said == []
    loss, split = gradient_in_parts(3, said.append)
    assert loss == pytest.approx(whole_loss, rel=1e-5)
    assert torch.allclose(split, whole, atol=1e-6)
    assert [line.split(" at a time")[0].split()[-1] for line in said] == ["5", "3"]


@pytest.mark.parametrize("world_size", [2, 3, 12])
def test_the_shares_of_several_processes_sum_to_the_whole_gradient(world_size: int) -> None:
    rows = torch.randn(10, 3, generator=torch.Generator().manual_seed(0))
    whole = nn.Linear(3, 1)
    shares = [copy.deepcopy(whole) for _ in range(world_size)]

    def backward(layer: nn.Linear, part: tuple[int, int] | None) -> torch.Tensor:
        accumulator = Accumulator(10, log=lambda line: None, rows=part)
        accumulator.part_size = 3
        return accumulator.backward(
            lambda first, end: layer(rows[first:end]).square().mean(), zero_grad=layer.zero_grad
        )

    loss, losses = backward(whole, None), []
    for rank, layer in enumerate(shares):
        together = Together()
        together.rank, together.world_size = rank, world_size
        losses.append(backward(layer, together.share(10)))
    assert torch.allclose(sum(losses), loss, atol=1e-6)
    # Also where there are more processes than rows: each has a gradient, if only of nothing.
    assert torch.allclose(sum(layer.weight.grad for layer in shares), whole.weight.grad, atol=1e-6)


def test_each_process_draws_its_own_numbers() -> None:
    drawn = []
    for rank in range(4):
        together = Together()
        together.rank = rank
        torch.manual_seed(together.seed(42))
        drawn.append(float(torch.rand(())))
    torch.manual_seed(42)
    assert drawn[0] == float(torch.rand(()))
    assert len(set(drawn)) == 4


def test_a_row_that_does_not_fit_is_told_to_the_customer() -> None:
    with pytest.raises(CustomerError, match="Not even one row") as caught:
        gradient_in_parts(0, lambda line: None)
    assert caught.value.code == "out_of_memory"


def test_a_broken_loss_ends_the_training() -> None:
    watch = FiniteWatch(device="cpu")
    watch.check({"loss": torch.tensor(1.0)}, step=1)
    with pytest.raises(CustomerError, match="step 2: loss is no longer a number") as caught:
        watch.check({"loss": torch.tensor(math.nan)}, step=2)
    assert caught.value.param == "learning_rate"
    assert caught.value.code == "nan_loss"


def test_precision_is_as_asked_and_never_by_speed_on_a_cpu_unless_asked() -> None:
    steps: list[str] = []

    def step(precision) -> None:
        steps.append(precision.name)

    assert precision_choose("auto", device="cpu", step=step).name == "float32"
    assert steps == []
    assert precision_choose("bfloat16", device="cpu", step=step).is_half
    assert steps == ["bfloat16"]
    precision_choose("probe", device="cpu", step=step, probe_s=0.02)
    assert set(steps) == {"float32", "bfloat16"}


def test_a_layer_that_is_not_computed_in_bfloat16_is_told_or_computed_in_float32() -> None:
    def step(precision) -> None:
        if precision.is_half:
            raise RuntimeError("could not create a primitive descriptor")

    assert precision_choose("probe", device="cpu", step=step).name == "float32"
    with pytest.raises(CustomerError, match="Choose float32") as caught:
        precision_choose("bfloat16", device="cpu", step=step)
    assert caught.value.param == "precision"


def test_rates_rise_and_fall() -> None:
    warm = [warmup_cosine(step, steps=10, peak=1.0, warmup=2) for step in range(11)]
    assert warm[:2] == [0.5, 1.0]
    assert warm[-1] == pytest.approx(0.0)
    cycle = [one_cycle(step, steps=8, peak=1.0) for step in range(9)]
    assert max(cycle) == cycle[2] == pytest.approx(1.0)
    assert cycle[-1] == pytest.approx(0.0)


def test_a_group_may_have_a_rate_scale_of_its_own() -> None:
    groups = [{"params": [nn.Parameter(torch.ones(1))], "rate_scale": s} for s in (1.0, 0.5)]
    optimizer = torch.optim.SGD(groups, lr=1.0)
    rate_set([optimizer], 0.2)
    assert [group["lr"] for group in optimizer.param_groups] == [0.2, 0.1]


def test_the_average_follows_slowly_and_counts_batches_exactly() -> None:
    moving = network()
    average = Average(moving, decay=0.9)
    with torch.no_grad():
        moving[0].weight.add_(1.0)
    moving(torch.randn(4, 3))
    before = average.network[0].weight.clone()
    average.update(moving, step=1000)
    assert torch.allclose(average.network[0].weight - before, torch.full((4, 3), 0.1), atol=1e-6)
    assert average.network[1].num_batches_tracked == 1
    assert not average.network.training


def assign(one: nn.Module) -> None:
    one.load_state_dict({k: v.clone() for k, v in one.state_dict().items()}, assign=True)


@pytest.mark.parametrize("change", [lambda one: one.double(), assign])
def test_the_average_follows_tensors_that_took_the_places_of_others(change) -> None:
    moving = network()
    average = Average(moving, decay=0.9)
    average.update(moving, step=0)
    change(moving)
    change(average.network)
    with torch.no_grad():
        moving[0].weight.add_(1.0)
        moving[1].running_mean.add_(1.0)
    before = {name: value.clone() for name, value in average.network.state_dict().items()}
    average.update(moving, step=1000)
    after = average.network.state_dict()
    for name in ("0.weight", "1.running_mean"):
        assert torch.allclose(after[name] - before[name], torch.tensor(0.1).to(after[name]))


def test_the_best_weights_come_back_and_patience_runs_out() -> None:
    learned, best = network(), Best(patience=2)
    kept = learned[0].weight.clone()
    assert best.measure(1.0, step=1, network=learned)
    with torch.no_grad():
        learned[0].weight.zero_()
    assert not best.measure(2.0, step=2, network=learned)
    assert not best.is_over
    best.measure(1.0, step=3, network=learned)
    assert best.is_over
    best.restore(learned)
    assert torch.equal(learned[0].weight, kept)
    again = Best(patience=2, **best.as_json())
    assert (again.step, again.worse_in_a_row) == (1, 2)


@pytest.mark.parametrize(
    "make", [torch.optim.AdamW, lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9)]
)
def test_a_restored_training_goes_on_as_if_it_had_not_stopped(tmp_path, make) -> None:
    def step(learned, optimizer, number) -> None:
        rows = torch.randn(8, 3, generator=torch.Generator().manual_seed(number))
        optimizer.zero_grad()
        learned(rows).square().mean().backward()
        optimizer.step()

    straight = network()
    optimizer = make(straight.parameters())
    for number in range(3):
        step(straight, optimizer, number)
    parts = {"networks": {"net": straight}, "optimizers": {"opt": optimizer}}
    state_save(tmp_path, **parts, tensors={"x": torch.ones(2)}, facts={"step": 3})
    for number in range(3, 6):
        step(straight, optimizer, number)

    resumed = network(seed=9)
    optimizer = make(resumed.parameters())
    facts, tensors = state_restore(
        tmp_path, networks={"net": resumed}, optimizers={"opt": optimizer}
    )
    assert facts == {"step": 3}
    assert tensors["x"].tolist() == [1.0, 1.0]
    for number in range(3, 6):
        step(resumed, optimizer, number)
    for name, value in straight.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name
    assert {path.suffix for path in tmp_path.iterdir()} == {".json", ".safetensors"}
