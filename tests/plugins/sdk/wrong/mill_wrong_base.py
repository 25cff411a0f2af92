"""A plugin that keeps every promise, for others to break one each."""

import json
import random
from pathlib import Path
from typing import Any

from modelmill_sdk import Params, Plugin
from pydantic import Field


class Right(Plugin):
    """Learns how long texts are, at random, and says so."""

    id = "right"
    description = "Learns how long texts are."
    author = "Somebody"
    licence = "Apache-2.0"
    accepts = ("text",)
    meters = {"answers": "Answers"}
    max_batch = 8

    class TrainParams(Params):
        steps: int = Field(20, ge=1, le=1_000, description="How many steps.")

    class Input(Params):
        prompt: str = Field(max_length=1_000, description="Anything.")

    def train(self, run: Any) -> None:
        texts = texts_of(run)
        dice, weight, first = random.Random(run.seed), 0.0, 0
        if run.resume_from is not None:
            first, weight, state = json.loads((run.resume_from / "state.json").read_text())
            dice.setstate((state[0], tuple(state[1]), state[2]))
        for step in range(first + 1, run.params.steps + 1):
            if self.is_over(run):
                break
            weight += dice.random() * (len(dice.choice(texts)) - weight)
            self.say(run, step, weight)
            state = [step, weight, dice.getstate()]
            run.checkpoint(step, lambda folder, state=state: self.save(folder, state))
        self.leave(run, weight)

    def is_over(self, run: Any) -> bool:
        return bool(run.is_finishing)

    def say(self, run: Any, step: int, weight: float) -> None:
        run.progress(step, run.params.steps, weight=weight)

    def save(self, folder: Path, state: Any) -> None:
        (folder / "state.json").write_text(json.dumps(state))

    def leave(self, run: Any, weight: float) -> None:
        (run.model_dir / "weight.json").write_text(json.dumps(weight))

    def evaluate(self, run: Any) -> dict[str, float]:
        weight = json.loads((run.model_dir / "weight.json").read_text())
        return {"error": abs(weight - 30)}

    def load(self, model_dir: Path, device: str) -> Any:
        return json.loads((model_dir / "weight.json").read_text())

    def predict(self, model: Any, inputs: Any, params: Any, run: Any) -> Any:
        run.count("answers", len(inputs))
        return [{"length": len(one.prompt) + model} for one in inputs]


def texts_of(run: Any) -> list[str]:
    """Read the texts without the datasets library, which takes a second to import."""
    import pyarrow.parquet as pq

    files = run.data.files("train")
    return [text for file in files for text in pq.read_table(file)["text"].to_pylist()]
