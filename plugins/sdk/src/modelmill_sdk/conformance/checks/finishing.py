"""The promise about a training that is asked to finish now, and to keep what it has learnt."""

from modelmill_sdk.conformance.evidence import Evidence
from modelmill_sdk.conformance.promise import ended_well
from modelmill_sdk.conformance.verdicts import Fault, Skip
from modelmill_sdk.protocol import PredictDone, Progress, TrainDone


class FinishGivesAModel:
    """Asked to finish, a training stops early and leaves a model that predicts."""

    id = "finish-gives-a-model"
    fix = (
        "Let run.is_finishing end the loop as the last step does, asked before every step, and "
        "save the model as always."
    )

    def look(self, evidence: Evidence) -> None:
        """Look at where it stopped, and use what it left."""
        stopped_at = evidence.reports[len(evidence.reports) // 2 - 1].step
        answer = evidence.finished
        ended_well(answer, check=self.id)
        assert isinstance(answer.end, TrainDone)
        steps = [one.step for one in answer.messages if isinstance(one, Progress)]
        if steps[-1] >= evidence.reports[-1].step:
            raise Fault(f"Asked to finish at step {stopped_at}, it went on to its end.")
        if not isinstance(evidence.predicted.end, PredictDone):
            raise Skip("Not even the model of the whole training predicts.")
        ended_well(evidence.finished_loaded, check=self.id)
        ended_well(evidence.finished_predicted, check=self.id)
