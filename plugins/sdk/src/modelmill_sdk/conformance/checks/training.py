"""Promises about training: it works, it says how far it is, and it is not upset by poor data."""

from pathlib import Path

from modelmill_sdk.conformance.child import Answer
from modelmill_sdk.conformance.evidence import Evidence
from modelmill_sdk.conformance.promise import broke_rule, ended_well, failure_words
from modelmill_sdk.conformance.verdicts import Fault, Skip
from modelmill_sdk.plugin import Plugin
from modelmill_sdk.protocol import Failed, Progress, Sample


class Trains:
    """A small training ends well and leaves a model."""

    id = "trains"
    fix = "Mend what the traceback names; Plugin.trial gives the kit other parameters or data."

    def look(self, evidence: Evidence) -> None:
        """Look at how it ended."""
        evidence.need_training()
        ended_well(evidence.whole, check=self.id)


class ProgressGrows:
    """Progress only grows, comes more than once, and reaches the total."""

    id = "progress-grows"
    fix = (
        "Call run.progress(step, total) after every step, with the steps done so far; a training "
        "that stops early reports progress(step, step) at its end."
    )

    def look(self, evidence: Evidence) -> None:
        """Look at every report."""
        evidence.need_training()
        broke_rule(evidence.whole, check=self.id)
        assert evidence.trained
        reports = [one for one in evidence.whole.messages if isinstance(one, Progress)]
        if len(reports) < 2:
            raise Fault(f"There were {len(reports)} progress reports in the whole training.")
        last = reports[-1]
        if last.step != last.total:
            raise Fault(f"The last report was step {last.step} of {last.total}.")


class EvaluationFinite:
    """Every metric is a finite number, and there is at least one for the finished model."""

    id = "evaluation-finite"
    fix = (
        "Return numbers from evaluate(run), measured on the held-out split, and stop with a "
        "CustomerError when a loss is no longer a number."
    )

    def look(self, evidence: Evidence) -> None:
        """Look at the final metrics and at those on the way."""
        done = evidence.trained
        on_the_way = [one for one in evidence.whole.messages if isinstance(one, Progress)]
        for metrics in (done.metrics, *(one.metrics for one in on_the_way)):
            bad = [name for name, value in metrics.items() if value is None]
            if bad:
                raise Fault(f"{', '.join(bad)} was not a finite number.")
        if not done.metrics:
            if evidence.plugin.evaluate is not Plugin.evaluate:
                raise Fault("evaluate() returned no metric.")
            raise Skip("It has no evaluate() and reports no final metrics.")


class SamplesReadable:
    """What it shows during training is a picture that opens, or a text that is not empty."""

    id = "samples-readable"
    fix = "Give run.sample() a PIL image or a text."

    def look(self, evidence: Evidence) -> None:
        """Open every sample of the second training, whose files are still in their place."""
        assert evidence.trained
        shown = [one for one in evidence.again.messages if isinstance(one, Sample)]
        if not shown:
            raise Skip("It shows no samples.")
        for one in shown:
            if one.kind == "text" and not (one.text or "").strip():
                raise Fault(f"The sample {one.name!r} of step {one.step} is empty.")
            if one.kind == "image":
                _picture_check(one.path)


class BadRowsAreProblems:
    """Poor rows give problems or a message for the customer, never a traceback."""

    id = "bad-rows"
    fix = (
        "Yield a Problem for such a row from validate(), pass over it in train(), or raise a "
        "CustomerError that says what to change."
    )

    def look(self, evidence: Evidence) -> None:
        """Look at how validation and training ended on each poor dataset."""
        assert evidence.trained
        for what, looked, tried in evidence.poor:
            _no_traceback(looked, f"validate() on a dataset with {what}")
            if tried is not None:
                _no_traceback(tried, f"train() on a dataset with {what}")


def _no_traceback(answer: Answer, what: str) -> None:
    if answer.end is None:
        raise Fault(f"{what}: {answer.death}")
    if isinstance(answer.end, Failed) and answer.end.who != "customer":
        raise Fault(f"{what}: {failure_words(answer.end)}")


def _picture_check(path: Path | None) -> None:
    from PIL import Image

    try:
        with Image.open(path or "") as picture:
            picture.load()
    except OSError as error:
        raise Fault(f"A sample cannot be opened: {error}") from error
