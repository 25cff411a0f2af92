"""The autoencoder as the platform sees it."""

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from modelmill_sdk import Needs, Plugin, PredictRun, Problem, TrainRun, hookimpl

from modelmill_image_vae import params as vae
from modelmill_image_vae.titles import TITLES

SEED_LIMIT = 2**63


class ImageVae(Plugin):
    """Learns what a customer's pictures have in common."""

    id = "image-vae"
    title = "Pictures, encoded"
    description = (
        "Learns to describe each picture by a few numbers, and back: rebuilds pictures, draws new "
        "ones, blends two, and gives the numbers for searching and sorting."
    )
    author = "Modelmill"
    licence = "Apache-2.0"
    task = "image-generation"
    accepts = ("images", "labelled_images")
    meters: ClassVar[dict[str, str]] = {"images": "Images"}
    metrics: ClassVar[dict[str, str]] = TITLES
    translations: ClassVar[dict[str, str]] = {"en": "en.json", "zh-hans": "zh_Hans.json"}
    card = "card.md"
    samples = ("rebuilt_below_what_was_given.png", "from_one_to_another.png", "newly_drawn.png")
    # The network of 0.1 was another, whose weights this one cannot take.
    loads = ("0.2",)
    needs = Needs(train_rows=vae.MIN_IMAGES, devices=8)
    max_batch = 16
    max_wait_ms = 20

    TrainParams = vae.TrainParams
    Input = vae.Input
    PredictParams = vae.PredictParams

    def validate(self, data: Any, params: vae.TrainParams) -> Iterable[Problem]:
        """Yield too small a dataset, and pictures that are unreadable or too small."""
        from modelmill_image_vae.checks import dataset_problems

        return dataset_problems(data, params)

    def devices_most(self, data: Any, params: Any) -> int:
        """Share each batch, of which every device has a row at least."""
        return min(self.needs.devices, int(params.batch_size))

    def train(self, run: TrainRun) -> None:
        """Train, and leave the best average in `run.model_dir`."""
        from modelmill_image_vae.training import train

        train(run)

    def evaluate(self, run: TrainRun) -> Mapping[str, float]:
        """Measure rebuilding and drawing on the test split."""
        from modelmill_image_vae.evaluation import evaluate

        return evaluate(run)

    def load(self, model_dir: Path, device: str) -> Any:
        """Return the network, ready to answer."""
        from modelmill_image_vae.answers import model_load

        return model_load(model_dir, device)

    def predict(
        self, model: Any, inputs: Sequence[vae.Input], params: vae.PredictParams, run: PredictRun
    ) -> list[Any]:
        """Answer each input: a picture, or the numbers that describe one."""
        from modelmill_image_vae.answers import answer

        base = params.seed if params.seed is not None else run.seed
        if base is None:
            base = secrets.randbelow(SEED_LIMIT)
        results = []
        for place, asked in enumerate(inputs, start=run.first_index):
            seed = asked.seed if asked.seed is not None else (base + place) % SEED_LIMIT
            results.append(answer(model, asked, seed=seed, truncation=params.truncation))
            run.cancel_point()
        run.count("images", len(results))
        return results


@hookimpl
def register_models(register: Callable[[type[Plugin]], None]) -> None:
    """Offer the autoencoder to the platform."""
    register(ImageVae)
