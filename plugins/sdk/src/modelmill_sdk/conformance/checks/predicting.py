"""Promises about predictions."""

from modelmill_sdk.conformance.evidence import Evidence
from modelmill_sdk.conformance.promise import broke_rule, ended_well
from modelmill_sdk.conformance.results import results_differ, results_of
from modelmill_sdk.conformance.verdicts import Fault, Skip
from modelmill_sdk.host.prediction import plugin_streams


class LoadsElsewhere:
    """A fresh process loads the model from another folder than it was trained in."""

    id = "loads-elsewhere"
    fix = "Put everything load() needs into run.model_dir, and keep no absolute path in it."

    def look(self, evidence: Evidence) -> None:
        """Look at the loading."""
        ended_well(evidence.loaded, check=self.id)


class Predicts:
    """It answers a request of several inputs."""

    id = "predicts"
    fix = "Mend what the traceback names; Plugin.trial, or a field's examples, give other inputs."

    def look(self, evidence: Evidence) -> None:
        """Look at how it ended."""
        ended_well(evidence.predicted, check=self.id)


class OneResultEach:
    """There is one result for each input, in order."""

    id = "one-result-each"
    fix = "Return a list as long as the inputs, each result in its input's place."

    def look(self, evidence: Evidence) -> None:
        """Count; the host numbers them, and batch-equals-single sees the wrong order."""
        broke_rule(evidence.predicted, check=self.id)
        _need_results(evidence)
        count = len(results_of(evidence.predicted))
        if count != len(evidence.inputs):
            raise Fault(f"There were {count} results for {len(evidence.inputs)} inputs.")


class MetersDeclared:
    """It counts under declared meters only, and never backwards."""

    id = "meters-declared"
    fix = "Name the meter in the class's meters, or count under one that is there."

    def look(self, evidence: Evidence) -> None:
        """Look at how the predictions ended; the host refuses all others."""
        broke_rule(evidence.predicted, check=self.id)
        _need_results(evidence)


class SeedSameResults:
    """The same request with the same seed gives the same bytes, again and in another process."""

    id = "seed-same-results"
    fix = "Draw from a generator seeded with run.seed plus run.first_index, made anew each time."

    def look(self, evidence: Evidence) -> None:
        """Compare two requests to one process, and a streaming plugin's in another."""
        _need_results(evidence)
        ended_well(evidence.repeated, check=self.id)
        first, second = results_of(evidence.predicted), results_of(evidence.repeated)
        difference = results_differ(first, second, is_exact=True)
        if not difference and _one_at_a_time(evidence):
            ended_well(evidence.alone, check=self.id)
            difference = results_differ(first, results_of(evidence.alone), is_exact=True)
        if difference:
            raise Fault(difference)


class BatchEqualsSingle:
    """An input's result does not depend on who else is in its batch."""

    id = "batch-equals-single"
    fix = (
        "Keep inputs apart: mask padding, use no batch statistics (model.eval()), return results "
        "in the inputs' order, and seed each input by run.first_index plus its place."
    )

    def look(self, evidence: Evidence) -> None:
        """Compare all inputs at once with one at a time."""
        _need_results(evidence)
        if _one_at_a_time(evidence):
            raise Skip("It takes one input at a time.")
        ended_well(evidence.alone, check=self.id)
        difference = results_differ(
            results_of(evidence.predicted), results_of(evidence.alone), is_exact=False
        )
        if difference:
            raise Fault(difference)


def _need_results(evidence: Evidence) -> None:
    end = evidence.predicted.end
    if end is None or end.type != "predict_done":
        raise Skip("The prediction did not end well.")


def _one_at_a_time(evidence: Evidence) -> bool:
    return plugin_streams(evidence.plugin) or evidence.plugin.max_batch == 1
