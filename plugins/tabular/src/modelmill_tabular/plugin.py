"""Tables as the platform sees them; it imports nothing heavy."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from modelmill_sdk import Params, Plugin, PredictRun, Problem, TrainRun, hookimpl

from modelmill_tabular import params as settings
from modelmill_tabular.titles import TITLES

if TYPE_CHECKING:
    from modelmill_sdk.data import TrainData


class Tabular(Plugin):
    """Predicts a column of a table from the others."""

    id = "tabular"
    title = "Tables"
    description = (
        "Predicts one column of a table from the others: a class with its probability, or an "
        "amount with an interval. Numbers, categories, dates and gaps as they come; trees and a "
        "network are trained, and what is best on held-out rows answers."
    )
    author = "Modelmill"
    licence = "Apache-2.0"
    task = "table-prediction"
    accepts = ("table",)
    meters: ClassVar[dict[str, str]] = {"rows": "Rows predicted"}
    metrics: ClassVar[dict[str, str]] = TITLES
    translations: ClassVar[dict[str, str]] = {"en": "en.json", "zh-hans": "zh_Hans.json"}
    card = "card.md"
    samples = ("rows_completed.txt",)
    max_batch = 256
    max_wait_ms = 5

    TrainParams: ClassVar[type[Params]] = settings.TrainParams
    Input: ClassVar[type[Params]] = settings.Input
    PredictParams: ClassVar[type[Params]] = settings.PredictParams

    def validate(self, data: "TrainData", params: Any) -> Iterable[Problem]:
        """Yield rows without a target and classes too rare. Raises CustomerError as ``train``."""
        from modelmill_tabular.checks import dataset_problems

        return dataset_problems(data, params)

    def train(self, run: TrainRun) -> None:
        """Grow trees, train a network, and keep what is best on held-out rows."""
        from modelmill_tabular.training import train

        train(run)

    def evaluate(self, run: TrainRun) -> Mapping[str, float]:
        """Measure the model on the test rows, as a whole and by group."""
        from modelmill_tabular.evaluation import evaluate

        return evaluate(run)

    def load(self, model_dir: Path, device: str) -> Any:
        """Return the model with what it knows of its columns."""
        from modelmill_tabular.models import model_load

        return model_load(model_dir, device)

    def predict(
        self, model: Any, inputs: Sequence[Any], params: Any, run: PredictRun
    ) -> list[dict[str, Any]]:
        """Complete each row; one use is one row."""
        from modelmill_tabular.predicting import predict_rows

        answers = predict_rows(model, inputs, params, first_index=run.first_index)
        run.count("rows", len(answers))
        return answers


@hookimpl
def register_models(register: Callable[[type[Plugin]], None]) -> None:
    """Offer Tables to the platform."""
    register(Tabular)
