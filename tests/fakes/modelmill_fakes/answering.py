"""Plugins that only predict: one in batches, one piece by piece."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from modelmill_sdk import Params, Plugin, PredictRun
from pydantic import Field


class Echo(Plugin):
    """Gives back each input as the kind of result it asks for, three at a time."""

    id = "fake-echo"
    max_batch = 3

    class Input(Params):
        kind: str = Field(default="text", description="text, json, image or file.")
        value: str = Field(description="What to give back.")

    def predict(
        self, model: Path, inputs: Sequence[Any], params: Any, run: PredictRun
    ) -> list[Any]:
        """Answer every input in its own way."""
        return [self._answer(one.kind, one.value, run, len(inputs)) for one in inputs]

    def _answer(self, kind: str, value: str, run: PredictRun, batch: int) -> Any:
        if kind == "json":
            return {"value": value, "seed": run.seed, "batch": batch, "nan": float("nan")}
        if kind == "file":
            path = run.out_dir / f"{value}.txt"
            path.write_text(value, encoding="utf-8")
            return path
        if kind == "image":
            from PIL import Image

            return Image.new("RGB", (4, 4), value)
        return value


class Speaker(Plugin):
    """Says its prompt word by word."""

    id = "fake-speaker"
    task = "text-generation"
    meters = {"tokens_in": "Tokens in", "tokens_out": "Tokens out"}

    class Input(Params):
        prompt: str = Field(description="The words to say.")

    class PredictParams(Params):
        max_tokens: int = Field(default=100, ge=1, description="How many words at most.")
        pause_ms: float = Field(default=0, ge=0, description="How long a word takes.")

    def predict(
        self, model: Path, inputs: Sequence[Any], params: Any, run: PredictRun
    ) -> Iterator[str]:
        """Yield one word at a time."""
        words = inputs[0].prompt.split()
        run.count("tokens_in", len(words))
        for number, word in enumerate(words):
            if number == params.max_tokens:
                run.finish_reason = "length"
                return
            time.sleep(params.pause_ms / 1000)
            run.count("tokens_out", 1)
            yield word if number == 0 else f" {word}"
