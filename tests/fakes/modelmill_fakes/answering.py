"""Plugins that only predict: one in batches, one piece by piece."""

import math
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from modelmill_sdk import Installed, Params, Plugin, PredictRun
from pydantic import Field


class Made(Plugin):
    """A plugin whose models are those that a test makes."""

    @classmethod
    def installed(cls) -> Sequence[Installed]:
        """Name none: the plugin itself is no model."""
        return ()


class Embedder(Plugin):
    """Says of a text how many letters and how many words it has, at length one."""

    id = "fake-embedder"
    task = "embeddings"
    meters = {"tokens_in": "Tokens in"}
    max_batch = 64

    class Input(Params):
        text: str = Field(min_length=1, description="What to count.")

    class PredictParams(Params):
        dimensions: int = Field(default=2, ge=0, le=2, description="How much of it to say.")

    def predict(
        self, model: Path, inputs: Sequence[Any], params: Any, run: PredictRun
    ) -> list[dict[str, Any]]:
        """Count, and bring to length one."""
        run.count("tokens_in", sum(len(one.text.split()) for one in inputs))
        return [{"embedding": _unit(one.text)[: params.dimensions or 2]} for one in inputs]


def _unit(text: str) -> list[float]:
    letters, words = len(text), len(text.split())
    return [letters / math.hypot(letters, words), words / math.hypot(letters, words)]


class Echo(Made):
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


class Speaker(Made):
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
