"""A plugin that trains by counting, and whose model is how far it has counted."""

import json
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from modelmill_sdk import CustomerError, Params, Plugin, PredictRun, Problem, TrainRun
from pydantic import Field


class Stepper(Plugin):
    """Counts to ``steps``, ``step_ms`` apart; its loss is one over the step."""

    id = "fake-stepper"
    title = "Stepper"
    task = "text-generation"
    accepts = ("text",)
    meters = {"tokens_out": "Tokens out"}

    class TrainParams(Params):
        steps: int = Field(default=10, ge=1, le=1_000_000, description="How far to count.")
        step_ms: float = Field(default=0, ge=0, description="How long a step takes.")
        fail_at: int | None = Field(default=None, description="The step to fail at.")
        refuse: str = Field(default="", description="What to tell the customer instead.")

    class Input(Params):
        prompt: str = Field(description="Anything.")

    def validate(self, data: Any, params: Any) -> Iterable[Problem]:
        """Complain of every row that says "bad"."""
        for row, text in enumerate(data["train"]["text"]):
            if text == "bad":
                yield Problem(reason="This row is bad.", row=row, field="text", fix="Mend it.")

    def train(self, run: TrainRun) -> None:
        """Count, on from the checkpoint if there is one."""
        if run.params.refuse:
            raise CustomerError(run.params.refuse, param="refuse")
        first = _read(run.resume_from) if run.resume_from else 0
        for step in range(first + 1, run.params.steps + 1):
            if run.is_finishing:
                break
            time.sleep(run.params.step_ms / 1000)
            if step == run.params.fail_at:
                raise ValueError("the counter is stuck")
            run.progress(step, run.params.steps, loss=1 / step)
            run.checkpoint(step, lambda folder, step=step: _write(folder, step))
            first = step
        run.sample("last", f"counted to {first}", step=first)
        _write(run.model_dir, first)
        run.report(rows=run.data.row_count("train"))

    def load(self, model_dir: Path, device: str) -> int:
        """Read how far it counted."""
        return _read(model_dir)

    def predict(self, model: int, inputs: Sequence[Any], params: Any, run: PredictRun) -> list[str]:
        """Say how far it counted."""
        run.count("tokens_out", len(inputs))
        return [f"{one.prompt}: {model}" for one in inputs]


def _write(folder: Path, step: int) -> None:
    (folder / "count.json").write_text(json.dumps({"step": step}), encoding="utf-8")


def _read(folder: Path) -> int:
    return int(json.loads((folder / "count.json").read_text(encoding="utf-8"))["step"])
