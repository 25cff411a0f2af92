"""Text classification as the platform sees it; it imports nothing heavy."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from modelmill_sdk import LeftOut, Needs, Params, Plugin, PredictRun, Problem, TrainRun, hookimpl

from modelmill_text_classification import params as settings
from modelmill_text_classification.titles import TITLES

if TYPE_CHECKING:
    from modelmill_sdk.data import TrainData


class TextClassification(Plugin):
    """Tells what a text is about, learned from labelled examples."""

    id = "text-classification"
    title = "Text classification"
    description = (
        "Learns from labelled texts to tell what is in a new one: intents, sentiment, topics, "
        "spam; English, Chinese and others. Several methods are tried and the best one answers, "
        "with calibrated probabilities, a report for each class, and the words that decided."
    )
    author = "Modelmill"
    licence = "Apache-2.0"
    task = "text-classification"
    accepts = ("labelled_text",)
    meters: ClassVar[dict[str, str]] = {"texts": "Texts classified"}
    metrics: ClassVar[dict[str, str]] = TITLES
    translations: ClassVar[dict[str, str]] = {"en": "en.json", "zh-hans": "zh_Hans.json"}
    card = "card.md"
    samples = ("opinions_told_apart.txt",)
    needs = Needs(train_rows=settings.MIN_ROWS, devices=8)
    max_batch = 64
    max_wait_ms = 5

    TrainParams: ClassVar[type[Params]] = settings.TrainParams
    Input: ClassVar[type[Params]] = settings.Input
    PredictParams: ClassVar[type[Params]] = settings.PredictParams

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
        """Yield empty texts and classes too rare. Raises CustomerError on an unknown base."""
        from modelmill_text_classification.problems import dataset_problems

        return dataset_problems(data, params)

    def devices_most(self, data: "TrainData", params: Any) -> int:
        """Share the batches of a network that was asked for; what tries several takes one."""
        is_one = params.method in ("lstm", "encoder") and not params.privacy_epsilon
        return min(self.needs.devices, params.batch_size or self.needs.devices) if is_one else 1

    def train(self, run: TrainRun) -> None:
        """Try what was asked for, and keep what is best on held-out texts."""
        from modelmill_text_classification.training import train

        train(run)

    def evaluate(self, run: TrainRun) -> Mapping[str, float]:
        """Measure the model on the test texts, as a whole, by class and by group."""
        from modelmill_text_classification.evaluation import evaluate

        return evaluate(run)

    def load(self, model_dir: Path, device: str) -> Any:
        """Return the model with its labels and its temperature."""
        from modelmill_text_classification.models import classifier_load

        return classifier_load(model_dir, device)

    def predict(
        self, model: Any, inputs: Sequence[Any], params: Any, run: PredictRun
    ) -> list[dict[str, Any]]:
        """Classify each text; one use is one text."""
        from modelmill_text_classification.answers import answer

        results = answer(model, [one.text for one in inputs], params)
        run.count("texts", len(results))
        return results


@hookimpl
def register_models(register: Callable[[type[Plugin]], None]) -> None:
    """Offer text classification to the platform."""
    register(TextClassification)
