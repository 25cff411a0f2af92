"""The quality of a finished model, on pictures kept from its training."""

import torch
from modelmill_sdk import TrainRun
from modelmill_sdk.learning.pictures import Channels
from modelmill_sdk.learning.precision import Precision

from modelmill_image_classification.examples import (
    Examples,
    examples_carve,
    examples_read,
    groups_read,
)
from modelmill_image_classification.heldout import heldout_logits
from modelmill_image_classification.models import Classifier, model_load
from modelmill_image_classification.reports import (
    Answers,
    metrics_of,
    report_make,
    report_text,
    report_write,
)
from modelmill_image_classification.sheets import confusion_sheet


def evaluate(run: TrainRun) -> dict[str, float]:
    """Measure the model in ``run.model_dir`` on the test split, and leave ``report.json`` there.

    Without a test split, on the validation split; without that, on what was carved from training.
    """
    classifier = model_load(run.model_dir, run.device)
    split, examples = _held(run, classifier)
    if not len(examples):
        return {}
    config = classifier.config
    precision = Precision(torch.device(run.device).type, is_half=False)
    logits = heldout_logits(
        classifier.network, classifier.eyes, examples, device=run.device, precision=precision
    )
    groups = groups_read(run.data, split, run.params.groups)
    answers = Answers(
        labels=config.labels,
        logits=logits / config.temperature,
        truth=examples.row_labels,
        temperature=config.temperature,
        groups=[groups[row] for row in examples.rows] if groups else None,
    )
    report = report_make(answers, split=split)
    report_write(report, run.model_dir)
    run.sample("confusion", confusion_sheet(answers.confusion(), config.labels), step=run.step)
    run.sample("report", report_text(report), step=run.step)
    return metrics_of(answers)


def _held(run: TrainRun, classifier: Classifier) -> tuple[str, Examples]:
    found = [split for split in ("test", "validation") if split in run.data]
    split = found[0] if found else "train"
    channels: Channels = "grey" if classifier.config.channels == 1 else "colour"
    examples = examples_read(
        run.data,
        split,
        size=classifier.config.resolution,
        folder=run.workdir / "evaluation",
        channels=channels,
        threads=run.threads,
    )
    return (split, examples) if found else (split, examples_carve(examples, seed=run.seed)[1])
