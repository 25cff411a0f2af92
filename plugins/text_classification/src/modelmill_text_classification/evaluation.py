"""The quality of a finished model, on texts kept from its training."""

import numpy as np
from modelmill_sdk import TrainRun

from modelmill_text_classification.examples import Examples, column_read, examples_read
from modelmill_text_classification.models import classifier_load
from modelmill_text_classification.numbers import Reals
from modelmill_text_classification.reports import (
    Answers,
    metrics_of,
    report_make,
    report_text,
    report_write,
)

_MOST_ROWS = 20_000


def evaluate(run: TrainRun) -> dict[str, float]:
    """Measure the model in ``run.model_dir`` on the test split, and leave ``report.json`` there.

    Without a test split, on the validation split; without either there is nothing honest to say.
    """
    split = next((one for one in ("test", "validation") if one in run.data), None)
    if split is None:
        return {}
    classifier = classifier_load(run.model_dir, run.device)
    examples = examples_read(run.data, split)
    rows = np.arange(len(examples))[:_MOST_ROWS]
    some = examples.some(rows)
    groups = column_read(run.data, split, run.params.groups)
    answers = Answers(
        labels=classifier.config.labels,
        logits=_logits(classifier.model, some) / classifier.config.temperature,
        truth=some.labels,
        usual=int(np.argmax(classifier.config.prior)),
        groups=groups[: len(some)] if groups else None,
    )
    report = report_make(answers, split=split)
    report_write(report, run.model_dir)
    run.sample("report", report_text(report), step=run.step)
    return metrics_of(answers)


def _logits(model: object, some: Examples) -> Reals:
    """Answer many at once, where single answers would take long; the last bits may differ."""
    from modelmill_text_classification.linear import LinearModel

    if isinstance(model, LinearModel):
        return model.logits(some.texts)
    from modelmill_text_classification.neural import NeuralModel

    assert isinstance(model, NeuralModel)
    return model.logits_of([model.reader.ids(text) for text in some.texts])
