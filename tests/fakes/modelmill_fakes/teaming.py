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
            description="What the second process does at its third step: fail, refuse, die, fork "
            "and die. Or learn: all learn a line together.",
        )

    def devices_most(self, params: Any) -> int:
        """Use one where the parameters ask for it."""
        return 1 if params.alone else self.needs.devices

    def train(self, run: TrainRun) -> None:
        """Count, or learn; the first process leaves the model."""
        weight = _learn(run) if run.params.do == "learn" else _count(run)
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
        if run.rank == 1 and step == 3:
            _go_wrong(run.params.do)
        run.progress(step, run.params.steps)
        run.checkpoint(step, lambda folder: (folder / "count").touch())
    run.sample("rank", f"rank {run.rank}", step=run.params.steps)
    return 0.0


def _go_wrong(how: str) -> None:
    if how == "fail":
        raise ValueError("the second process is stuck")
    if how == "refuse":
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
