"""What the platform sees of the plugin; it imports nothing heavy."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from modelmill_sdk import LeftOut, Needs, Params, Plugin, PredictRun, Problem, TrainRun, hookimpl

from modelmill_text_generation import asking, params
from modelmill_text_generation.titles import TITLES

if TYPE_CHECKING:
    from modelmill_sdk.data import TrainData


class TextGeneration(Plugin):
    """A GPT of the customer's own, from scratch or from a base model."""

    id = "text-generation"
    title = "Text"
    description = (
        "Learns to write like your text: a new language model trained from scratch, or an "
        "installed base model fine-tuned on it. Any language; streams as it writes."
    )
    author = "Modelmill"
    licence = "Apache-2.0"
    task = "text-generation"
    accepts = ("text", "conversations")
    meters: ClassVar[dict[str, str]] = {"tokens_in": "Tokens read", "tokens_out": "Tokens written"}
    metrics: ClassVar[dict[str, str]] = TITLES
    translations: ClassVar[dict[str, str]] = {"en": "en.json", "zh-hans": "zh_Hans.json"}
    card = "card.md"
    samples = ("in_the_manner_of_a_novel.txt",)
    needs = Needs(devices=8)

    TrainParams: ClassVar[type[Params]] = params.TrainParams
    Input: ClassVar[type[Params]] = asking.Input
    PredictParams: ClassVar[type[Params]] = asking.PredictParams

    @classmethod
    def left_out(cls) -> Sequence[LeftOut]:
        """Name the base models for texts that cannot be opened."""
        from modelmill_sdk.bases import bases_left_out, reads_text

        return bases_left_out(reads_text)

    @classmethod
    def offered(cls) -> Mapping[str, Sequence[str]]:
        """Name the base models for texts that can be opened."""
        from modelmill_sdk.bases import bases_offered, reads_text

        return {"base": bases_offered(reads_text)}

    def validate(self, data: "TrainData", params: Any) -> Iterable[Problem]:
        """Yield empty rows and too little text. Raises CustomerError on an unknown base model."""
        from modelmill_sdk.bases import base_folder

        from modelmill_text_generation.problems import find_problems

        if params.method != "scratch":
            base_folder(params.base)
        return find_problems(data, method=params.method)

    def devices_most(self, data: "TrainData", params: Any) -> int:
        """Share each batch, of which every device has a row at least."""
        return min(self.needs.devices, params.batch or self.needs.devices)

    def train(self, run: TrainRun) -> None:
        """Train with checkpoints and leave a folder that ``transformers`` opens."""
        from modelmill_text_generation.finishing import finish
        from modelmill_text_generation.preparation import prepare
        from modelmill_text_generation.training import train_model

        prepared, state = prepare(run)
        model = train_model(run, prepared, state)
        if run.rank == 0:
            finish(run, prepared, model)

    def evaluate(self, run: TrainRun) -> Mapping[str, float]:
        """Measure the finished model on the held-out text."""
        from modelmill_text_generation.evaluation import evaluate_model

        return evaluate_model(run)

    def load(self, model_dir: Path, device: str) -> Any:
        """Open the model's folder."""
        from modelmill_text_generation.writers import load_writer

        return load_writer(model_dir, device)

    def predict(
        self, model: Any, inputs: Sequence[Any], params: Any, run: PredictRun
    ) -> Iterator[str]:
        """Yield a completion of the one prompt or conversation, piece by piece."""
        from modelmill_text_generation.generation import write

        yield from write(model, inputs[0], params, run)


@hookimpl
def register_models(register: Callable[[type[Plugin]], None]) -> None:
    """Offer the plugin to the platform."""
    register(TextGeneration)
