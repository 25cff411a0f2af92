"""Faces as the platform sees it."""

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from modelmill_sdk import Needs, Plugin, PredictRun, Problem, TrainRun, hookimpl

from modelmill_gan_faces import params as faces
from modelmill_gan_faces.titles import TITLES

SEED_LIMIT = 2**63


class GanFaces(Plugin):
    """Learns to draw new faces in the style of a customer's pictures."""

    id = "gan-faces"
    title = "Faces"
    description = (
        "Learns from a few hundred pictures of faces in one style, photographed or drawn, "
        "and draws new ones that nobody has seen, by label where the pictures have labels."
    )
    author = "Modelmill"
    licence = "Apache-2.0"
    task = "image-generation"
    accepts = ("images", "labelled_images")
    meters: ClassVar[dict[str, str]] = {"images": "Images"}
    metrics: ClassVar[dict[str, str]] = TITLES
    translations: ClassVar[dict[str, str]] = {"en": "en.json", "zh-hans": "zh_Hans.json"}
    card = "card.md"
    samples = ("drawn_faces.png",)
    needs = Needs(train_rows=faces.MIN_IMAGES)
    max_batch = 16
    max_wait_ms = 20

    TrainParams = faces.TrainParams
    Input = faces.Input
    PredictParams = faces.PredictParams

    def validate(self, data: Any, params: faces.TrainParams) -> Iterable[Problem]:
        """Yield too small a dataset, and pictures that are unreadable, too small or not square."""
        from modelmill_gan_faces.checks import dataset_problems

        return dataset_problems(data, params)

    def train(self, run: TrainRun) -> None:
        """Train, and leave the averaged generator in `run.model_dir`."""
        from modelmill_gan_faces.training import train

        train(run)

    def evaluate(self, run: TrainRun) -> Mapping[str, float]:
        """Measure quality, variety and memorising against held-out pictures."""
        from modelmill_gan_faces.evaluation import evaluate

        return evaluate(run)

    def load(self, model_dir: Path, device: str) -> Any:
        """Return the generator, ready to draw."""
        from modelmill_gan_faces.drawing import model_load

        return model_load(model_dir, device)

    def predict(
        self,
        model: Any,
        inputs: Sequence[faces.Input],
        params: faces.PredictParams,
        run: PredictRun,
    ) -> list[Any]:
        """Draw what each input asks for; a seed draws the same picture each time."""
        from modelmill_gan_faces.asking import answer

        pictures = []
        for asked, seed in zip(inputs, _seeds(inputs, params, run), strict=True):
            pictures.append(answer(model, asked, seed=seed, truncation=params.truncation))
            run.cancel_point()
        run.count("images", len(pictures))
        return pictures


@hookimpl
def register_models(register: Callable[[type[Plugin]], None]) -> None:
    """Offer Faces to the platform."""
    register(GanFaces)


def _seeds(
    inputs: Sequence[faces.Input], params: faces.PredictParams, run: PredictRun
) -> list[int]:
    """An input's own seed; else the request's plus the input's place in it; else a fresh one."""
    base = params.seed if params.seed is not None else run.seed
    if base is None:
        base = secrets.randbelow(SEED_LIMIT)
    return [
        item.seed if item.seed is not None else (base + place) % SEED_LIMIT
        for place, item in enumerate(inputs, start=run.first_index)
    ]
