"""Embeddings as the platform sees them: the example of a plugin that does not train."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

from modelmill_sdk import Installed, LeftOut, Params, Plugin, PredictRun, Trial, hookimpl
from pydantic import Field

from modelmill_embeddings.folders import encoders_installed, encoders_left_out, tiny_write

MAX_TEXT_CHARS = 100_000


class Input(Params):
    """One text."""

    text: str = Field(
        min_length=1,
        max_length=MAX_TEXT_CHARS,
        description="What to embed. What is longer than the model reads is cut off at its end.",
        examples=["The mill turns by the river.", "Corn is ground to flour."],
    )


class PredictParams(Params):
    """How to embed."""

    dimensions: int = Field(
        default=0,
        ge=0,
        le=8_192,
        description=(
            "Keep only the first so many numbers, and bring them to length one again; 0 keeps "
            "all. Models that were trained for it lose little."
        ),
    )


class Embeddings(Plugin):
    """Gives each text a vector of length one; the closer two are, the closer their meanings."""

    id = "embeddings"
    title = "Embeddings"
    description = (
        "Turns texts into vectors for search, clustering and comparison: the closer two vectors, "
        "the closer the meanings. The models are encoders that your operator has installed."
    )
    author = "Modelmill"
    licence = "Apache-2.0"
    task = "embeddings"
    meters: ClassVar[dict[str, str]] = {"tokens_in": "Tokens read"}
    translations: ClassVar[dict[str, str]] = {"zh-hans": "zh_Hans.json"}
    card = "card.md"
    samples = ("answers_by_closeness.txt",)
    max_batch = 64
    max_wait_ms = 5
    trial = Trial(model=tiny_write)

    Input: ClassVar[type[Params]] = Input
    PredictParams: ClassVar[type[Params]] = PredictParams

    @classmethod
    def installed(cls) -> Sequence[Installed]:
        """Name the encoders among the operator's base models."""
        return encoders_installed()

    @classmethod
    def left_out(cls) -> Sequence[LeftOut]:
        """Name the encoders that cannot be used."""
        return encoders_left_out()

    def load(self, model_dir: Path, device: str) -> Any:
        """Open the encoder in a folder."""
        from modelmill_embeddings.encoder import encoder_open

        return encoder_open(model_dir, device)

    def predict(
        self, model: Any, inputs: Sequence[Any], params: Any, run: PredictRun
    ) -> list[dict[str, Any]]:
        """Embed the texts; one use is one token that the model reads."""
        found: list[dict[str, Any]] = model.embed(
            [one.text for one in inputs], dimensions=params.dimensions
        )
        run.count("tokens_in", sum(one["tokens"] for one in found))
        return found


@hookimpl
def register_models(register: Callable[[type[Plugin]], None]) -> None:
    """Offer Embeddings to the platform."""
    register(Embeddings)
