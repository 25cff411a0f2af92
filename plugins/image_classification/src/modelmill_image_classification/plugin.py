"""What the platform sees of the plugin; it imports nothing heavy."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from modelmill_sdk import LeftOut, Needs, Params, Plugin, PredictRun, Problem, TrainRun, hookimpl

from modelmill_image_classification import params as settings
from modelmill_image_classification.titles import TITLES

if TYPE_CHECKING:
    from modelmill_sdk.data import TrainData


class ImageClassification(Plugin):
    """Tells what is in a picture, learned from labelled examples."""

    id = "image-classification"
    title = "Image classification"
    description = (
        "Learns from labelled pictures to tell what is in a new one: digits, products, defects, "
        "animals. Answers with a probability for each class, and can show where it looked."
    )
    author = "Modelmill"
    licence = "Apache-2.0"
    task = "image-classification"
    accepts = ("labelled_images",)
    meters: ClassVar[dict[str, str]] = {"images": "Pictures classified"}
    metrics: ClassVar[dict[str, str]] = TITLES
    translations: ClassVar[dict[str, str]] = {"en": "en.json", "zh-hans": "zh_Hans.json"}
    card = "card.md"
    samples = ("what_it_sees_and_where_it_looks.png",)
    needs = Needs(train_rows=settings.MIN_IMAGES, devices=8)
    max_batch = 32
    max_wait_ms = 10

    TrainParams: ClassVar[type[Params]] = settings.TrainParams
    Input: ClassVar[type[Params]] = settings.Input
    PredictParams: ClassVar[type[Params]] = settings.PredictParams

    @classmethod
    def left_out(cls) -> Sequence[LeftOut]:
        """Name the base models for pictures that cannot be opened."""
        from modelmill_image_classification.bases import pictures_left_out

        return pictures_left_out()

    @classmethod
    def offered(cls) -> Mapping[str, Sequence[str]]:
        """Name the base models for pictures that can be opened."""
        from modelmill_image_classification.bases import pictures_offered

        return {"base": pictures_offered()}

    def validate(self, data: "TrainData", params: Any) -> Iterable[Problem]:
        """Yield single or rare classes and unusable pictures; refuse an unknown base model."""
        from modelmill_image_classification.problems import dataset_problems

        return dataset_problems(data, params)

    def devices_most(self, data: "TrainData", params: Any) -> int:
        """Share each batch, unless it is drawn by secret dice, which are each process's own."""
        from modelmill_image_classification.plans import batch_least

        rows = batch_least(params, count=data.row_count("train"))
        # Of one picture a layer can know no statistics.
        return 1 if params.privacy_epsilon else min(self.needs.devices, rows // 4)

    def train(self, run: TrainRun) -> None:
        """Train, and leave the calibrated network in ``run.model_dir``."""
        from modelmill_image_classification.training import train

        train(run)

    def evaluate(self, run: TrainRun) -> Mapping[str, float]:
        """Measure on the test split; leave ``report.json`` beside the weights."""
        from modelmill_image_classification.evaluation import evaluate

        return evaluate(run)

    def load(self, model_dir: Path, device: str) -> Any:
        """Return the network, ready to answer."""
        from modelmill_image_classification.models import model_load

        return model_load(model_dir, device)

    def predict(
        self, model: Any, inputs: Sequence[Any], params: Any, run: PredictRun
    ) -> list[dict[str, Any]]:
        """Give each picture's class and probabilities, and why if asked for."""
        from modelmill_image_classification.answers import answer

        images = [one.image for one in inputs]
        results = answer(model, images, params, first_index=run.first_index)
        run.count("images", len(results))
        return results


@hookimpl
def register_models(register: Callable[[type[Plugin]], None]) -> None:
    """Offer the plugin to the platform."""
    register(ImageClassification)
