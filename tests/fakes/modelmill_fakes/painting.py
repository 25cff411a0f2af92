"""A plugin that draws: squares of one colour, told apart by their seed."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from modelmill_sdk import Params, PredictRun
from pydantic import Field

from modelmill_fakes.answering import Made

SIDE = 8


class Painter(Made):
    """Draws a square for each input; the seed is its red, the brightness its green."""

    id = "fake-painter"
    task = "image-generation"
    meters = {"images": "Images"}
    max_batch = 4

    class PredictParams(Params):
        brightness: int = Field(default=100, ge=0, le=255, description="How green it is.")

    def predict(
        self, model: Path, inputs: Sequence[Any], params: Any, run: PredictRun
    ) -> list[Any]:
        """Draw."""
        from PIL import Image

        run.count("images", len(inputs))
        first = (run.seed or 0) + run.first_index
        return [
            Image.new("RGB", (SIDE, SIDE), ((first + place) % 256, params.brightness, 0))
            for place in range(len(inputs))
        ]
