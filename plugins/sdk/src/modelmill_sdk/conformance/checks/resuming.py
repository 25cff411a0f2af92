"""Promises about trainings that are stopped, killed, resumed, and repeated."""

from modelmill_sdk.conformance.child import Answer
from modelmill_sdk.conformance.evidence import Evidence
from modelmill_sdk.conformance.promise import ended_well
from modelmill_sdk.conformance.scratch import folder_difference
from modelmill_sdk.conformance.verdicts import Fault, Skip
from modelmill_sdk.protocol import CheckpointSaved, Progress, TrainDone

# How long a plugin may take to leave after the step in which it was stopped.
LEAVE_MAX_S = 5.0


class CancelsWithinAStep:
    """A cancelled training stops within a step."""

    id = "cancels-within-a-step"
    fix = "Let Cancelled pass: catch Exception and never BaseException around run.progress()."

    def look(self, evidence: Evidence) -> None:
        """Look at what came after the cancelling."""
        stopped_at = evidence.reports[len(evidence.reports) // 2 - 1].step
        answer = evidence.cancelled
        ended_well(answer, check=self.id)
        assert isinstance(answer.end, TrainDone)
        if answer.end.stopped_reason != "cancel":
            raise Fault(f"Cancelled at step {stopped_at}, it went on to its end.")
        late = _steps(answer)[-1] - stopped_at
        if late:
            raise Fault(f"Cancelled at step {stopped_at}, it went on for {late} more.")
        leave_s = answer.took_s - evidence.whole.took_s
        if leave_s > LEAVE_MAX_S:
            raise Fault(f"It took {leave_s:.0f} s to leave.")


class PauseGivesACheckpoint:
    """A paused training saves a checkpoint at once and stops."""

    id = "pause-gives-a-checkpoint"
    fix = "Call run.checkpoint(step, save) after every run.progress(step, total)."

    def look(self, evidence: Evidence) -> None:
        """Look at what came after the pausing."""
        stopped_at = evidence.reports[len(evidence.reports) // 2 - 1].step
        answer = evidence.paused
        ended_well(answer, check=self.id)
        assert isinstance(answer.end, TrainDone)
        saved = [one for one in answer.messages if isinstance(one, CheckpointSaved)]
        if not saved:
            raise Fault(f"Paused at step {stopped_at}, it saved no checkpoint.")
        if answer.end.stopped_reason != "pause":
            raise Fault(f"Paused at step {stopped_at}, it went on to its end.")


class SeedSameModel:
    """The same seed gives the same model in another process, however often it saves checkpoints."""

    id = "seed-same-model"
    fix = (
        "Draw from generators seeded with run.seed, call seed_everything(run.seed) after importing "
        "torch, draw nothing while saving, and do not depend on the order of a set."
    )

    def look(self, evidence: Evidence) -> None:
        """Compare the two models, byte for byte."""
        assert evidence.trained
        ended_well(evidence.again, check=self.id)
        _same(evidence, "again")


class ResumeSameModel:
    """Killed by SIGKILL and resumed in another process, it gives the model of an unbroken run."""

    id = "resume-same-model"
    fix = (
        "Save all that the next step depends on: weights, optimizer, schedule, averages, every "
        "random generator, the place in the data; and restore it where run.resume_from is set."
    )

    def look(self, evidence: Evidence) -> None:
        """Kill, resume, and compare the two models, byte for byte."""
        assert evidence.trained
        if not evidence.again.of(CheckpointSaved):
            raise Fault("The whole training saved no checkpoint, so all of it would be lost.")
        if not isinstance(evidence.again.end, TrainDone):
            raise Skip("The training did not end well a second time.")
        if folder_difference(evidence.model_digests("whole"), evidence.model_digests("again")):
            raise Skip("Not even two unbroken runs give the same; see seed-same-model.")
        if isinstance(evidence.killed.end, TrainDone):
            raise Fault("It saves a checkpoint at its end only.")
        ended_well(evidence.resumed, check=self.id)
        if not _steps(evidence.resumed) or _steps(evidence.resumed)[0] <= 1 < _first(evidence):
            raise Fault("It began again at the first step instead of going on.")
        _same(evidence, "resumed")


def _same(evidence: Evidence, name: str) -> None:
    difference = folder_difference(evidence.model_digests("whole"), evidence.model_digests(name))
    if difference:
        raise Fault(f"The model is another: {difference}.")


def _steps(answer: Answer) -> list[int]:
    return [one.step for one in answer.messages if isinstance(one, Progress)]


def _first(evidence: Evidence) -> int:
    """The step of the newest checkpoint that the killed training left."""
    saved = [one for one in evidence.killed.messages if isinstance(one, CheckpointSaved)]
    return saved[-1].step if saved else 0
