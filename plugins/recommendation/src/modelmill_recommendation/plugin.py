"""Recommendation as the platform sees it; it imports nothing heavy."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from modelmill_sdk import Needs, Params, Plugin, PredictRun, Problem, TrainRun, hookimpl

from modelmill_recommendation import params as settings
from modelmill_recommendation.titles import TITLES

if TYPE_CHECKING:
    from modelmill_sdk.data import TrainData


class Recommendation(Plugin):
    """Suggests what somebody may like next."""

    id = "recommendation"
    title = "Recommendation"
    description = (
        "Learns from who met what, and when, and suggests what somebody may like next. Two "
        "simple methods are trained beside the network, and the best of the three answers. "
        "New users are served by the items they bring, or by what is popular."
    )
    author = "Modelmill"
    licence = "Apache-2.0"
    task = "recommendation"
    accepts = ("interactions",)
    meters: ClassVar[dict[str, str]] = {"recommendations": "Recommendations"}
    metrics: ClassVar[dict[str, str]] = TITLES
    translations: ClassVar[dict[str, str]] = {"en": "en.json", "zh-hans": "zh_Hans.json"}
    card = "card.md"
    samples = ("what_comes_next.txt",)
    needs = Needs(devices=8)
    max_batch = 64
    max_wait_ms = 5

    TrainParams: ClassVar[type[Params]] = settings.TrainParams
    Input: ClassVar[type[Params]] = settings.Input
    PredictParams: ClassVar[type[Params]] = settings.PredictParams

    def validate(self, data: "TrainData", params: Any) -> Iterable[Problem]:
        """Yield rows without a user, an item or their time, and too little to learn from."""
        from modelmill_recommendation.checks import dataset_problems

        return dataset_problems(data, params)

    def devices_most(self, data: "TrainData", params: Any) -> int:
        """Share each batch, of which every device has a row at least."""
        return min(self.needs.devices, params.batch_size or self.needs.devices)

    def train(self, run: TrainRun) -> None:
        """Train the network and both baselines, and choose the one that answers."""
        from modelmill_recommendation.training import train

        train(run)

    def evaluate(self, run: TrainRun) -> Mapping[str, float]:
        """Measure all three on each user's last item, ranked among all items."""
        from modelmill_recommendation.evaluation import evaluate

        return evaluate(run)

    def load(self, model_dir: Path, device: str) -> Any:
        """Return the model with its names looked up."""
        from modelmill_recommendation.models import recommender_load
        from modelmill_recommendation.recommending import known_make

        return known_make(recommender_load(model_dir, device))

    def predict(
        self, model: Any, inputs: Sequence[Any], params: Any, run: PredictRun
    ) -> list[dict[str, Any]]:
        """Recommend items for each input, with the reasons; one use is one input answered."""
        from modelmill_recommendation.recommending import recommend

        answers = recommend(model, inputs, params)
        run.count("recommendations", len(answers))
        return answers


@hookimpl
def register_models(register: Callable[[type[Plugin]], None]) -> None:
    """Offer Recommendation to the platform."""
    register(Recommendation)
