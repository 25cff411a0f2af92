"""A plugin that trains on several devices, each process of it as it pleases."""

import json
import os
import signal
import time
from typing import Any

from modelmill_sdk import CustomerError, Needs, Params, Plugin, TrainRun
from pydantic import Field


class Team(Plugin):
    """Counts steps in every process, or learns a line as a script for accelerate does it."""

    id = "fake-team"
    title = "Team"
    task = "text-generation"
    accepts = ("text",)
    needs = Needs(devices=4)

    class TrainParams(Params):
        steps: int = Field(default=10, ge=1, le=100_000, description="How many steps.")
        step_ms: float = Field(default=0, ge=0, description="How long a step takes.")
        alone: bool = Field(default=False, description="Use one device, whatever is offered.")
        do: str = Field(
            default="",
            description="What the last process does at its third step: fail, refuse, die, fork "
            "and die, leave. Or learn: all learn a line as accelerate does; share: they share each "
            "batch; spill: the first fails when all have made their steps.",
        )

    def devices_most(self, data: Any, params: Any) -> int:
        """Use one where the parameters ask for it."""
        return 1 if params.alone else self.needs.devices

    def train(self, run: TrainRun) -> None:
        """Count, or learn; the first process leaves the model."""
        ways = {
            "learn": _learn,
            "share": _share,
            "share and refuse": _share,
            "share and leave": _share,
        }
        weight = ways.get(run.params.do, _count)(run)
        if run.rank == 0:
            model = {"weight": weight, "ranks": run.world_size}
            (run.model_dir / "weights.json").write_text(json.dumps(model), encoding="utf-8")

    def evaluate(self, run: TrainRun) -> dict[str, float]:
        """Meet nobody: the other processes are gone."""
        return {"world_size": float(os.environ.get("WORLD_SIZE", "1"))}

    def predict(self, model: Any, inputs: Any, params: Any, run: Any) -> list[str]:
        """Say the weights."""
        return [(model / "weights.json").read_text() for _ in inputs]


def _count(run: TrainRun) -> float:
    for step in range(1, run.params.steps + 1):
        time.sleep(run.params.step_ms / 1000)
        if 0 < run.rank == run.world_size - 1 and step == 3:
            (run.workdir / "wrong").touch()
            _go_wrong(run.params.do)
        run.progress(step, run.params.steps)
        run.checkpoint(step, lambda folder: (folder / "count").touch())
    while run.params.do == "fail" and not (run.workdir / "rank-1" / "wrong").exists():
        time.sleep(0.1)
    time.sleep(1 if run.params.do in ("fail", "spill") else 0)
    if run.params.do == "spill" and run.rank == 0:
        raise OSError("no room for the model")
    run.sample("rank", f"rank {run.rank}", step=run.params.steps)
    return 0.0


def _go_wrong(how: str) -> None:
    if how == "fail":
        raise ValueError("the second process is stuck")
    if how.endswith("refuse"):
        raise CustomerError("Bring other rows.")
    if how == "fork and die" and os.fork() == 0:
        time.sleep(3600)
    if how.endswith("die"):
        os.kill(os.getpid(), signal.SIGKILL)


def _learn(run: TrainRun) -> float:
    """Fit y = 3x, each process on its share of eight points."""
    import torch
    from accelerate import Accelerator

    accelerator = Accelerator()
    assert accelerator.num_processes == run.world_size
    line = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.zeros_(line.weight)
    line, sgd = accelerator.prepare(line, torch.optim.SGD(line.parameters(), lr=0.02))
    x = torch.arange(8.0)[accelerator.process_index :: accelerator.num_processes, None]
    for step in range(1, run.params.steps + 1):
        sgd.zero_grad()
        accelerator.backward((line(x) - 3 * x).square().mean())
        sgd.step()
        run.progress(step, run.params.steps)
    return float(accelerator.unwrap_model(line).weight)


def _share(run: TrainRun) -> float:
    """Fit the same line by batches of five that are shared, by plain descent."""
    import torch
    from modelmill_sdk.learning.memory import Accumulator
    from modelmill_sdk.learning.together import Together

    together = Together(run)
    weight = torch.nn.Parameter(torch.zeros(()))
    unasked = torch.nn.Parameter(torch.zeros(3))
    sgd = torch.optim.SGD([weight, unasked], lr=0.02)
    x = torch.arange(5.0)
    accumulator = Accumulator(5, log=run.log, rows=together.share(5))

    def loss_of(first: int, end: int) -> torch.Tensor:
        slopes = weight.expand(end - first)
        if end == len(x):
            # The last row alone asks for a weight that the others leave without a gradient.
            slopes = torch.cat([slopes[:-1], (weight + unasked.sum())[None]])
        return ((slopes - 3) * x[first:end]).square().mean()

    for step in range(1, run.params.steps + 1):
        if step == 3 and run.rank == run.world_size - 1:
            if run.params.do.endswith("leave"):
                break
            _go_wrong(run.params.do)
        loss = accumulator.backward(loss_of, zero_grad=sgd.zero_grad)
        loss = together.sum(loss, [weight, unasked])
        sgd.step()
        run.progress(step, run.params.steps, loss=loss)
    return float(weight + unasked.sum())
