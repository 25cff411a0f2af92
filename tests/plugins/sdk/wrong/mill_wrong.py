"""Plugins that are wrong in one way each; the kit names the promise that each of them breaks."""

import contextlib
import json
import pickle
import random
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

from mill_wrong_base import Right
from modelmill_sdk import Params, TrainRun
from pydantic import ConfigDict, Field

# Of another schema than its own, which no form can look up.
ELSEWHERE = "https://mill.example/schemas/grain.json"


class CannotBeDescribed(Right):
    """Offers values for a parameter that it does not have."""

    breaks = "describes"

    @classmethod
    def offered(cls) -> dict[str, tuple[str, ...]]:
        return {"colour": ("red", "green")}


class SchemaPointsElsewhere(Right):
    breaks = "schemas-valid"

    class PredictParams(Params):
        model_config = ConfigDict(json_schema_extra={"not": {"$ref": ELSEWHERE}})


class FieldPointsElsewhere(Right):
    breaks = "schemas-valid"

    class PredictParams(Params):
        warmth: str = Field(
            "", max_length=9, description="A word.", json_schema_extra={"$ref": ELSEWHERE}
        )


class FallsOverHalfWay(Right):
    breaks = "trains"

    def say(self, run: Any, step: int, weight: float) -> None:
        super().say(run, step, weight)
        if step == run.params.steps // 2:
            raise ValueError("The mill has stopped.")


class ProgressGoesBack(Right):
    breaks = "progress-grows"

    def say(self, run: Any, step: int, weight: float) -> None:
        run.progress(step if step != 7 else 3, run.params.steps)


class ProgressStopsShort(Right):
    breaks = "progress-grows"

    def say(self, run: Any, step: int, weight: float) -> None:
        run.progress(step, run.params.steps + 1)


class IgnoresCancel(Right):
    breaks = "cancels-within-a-step"

    def say(self, run: Any, step: int, weight: float) -> None:
        with contextlib.suppress(BaseException):
            run.progress(step, run.params.steps)


class NeverPauses(Right):
    """Saves a checkpoint before its first step only."""

    breaks = "pause-gives-a-checkpoint"

    def train(self, run: Any) -> None:
        run.checkpoint = checkpoint_early(run)
        super().train(run)


def checkpoint_early(run: TrainRun) -> Any:
    keep = run.checkpoint

    def checkpoint(step: int, save: Any) -> bool:
        return keep(step, save) if step < 3 else False

    return checkpoint


class NeverFinishes(Right):
    """Does not ask whether the customer has seen enough."""

    breaks = "finish-gives-a-model"

    def is_over(self, run: Any) -> bool:
        return False


class FinishesWithHalfAModel(Right):
    """Takes the wish to finish for a wish to leave, and writes what nobody can read."""

    breaks = "finish-gives-a-model"

    def leave(self, run: Any, weight: float) -> None:
        super().leave(run, weight)
        if run.is_finishing:
            (run.model_dir / "weight.json").write_text("null")

    def evaluate(self, run: Any) -> dict[str, float]:
        return {"error": 1.0}


class ForgetsItsDice(Right):
    """Its checkpoint has the weight and the step, but not the state of the random generator."""

    breaks = "resume-same-model"

    def save(self, folder: Path, state: Any) -> None:
        super().save(folder, [state[0], state[1], random.Random(0).getstate()])


class NeedsNoSeed(Right):
    """Draws from the system instead of a seeded generator."""

    breaks = "seed-same-model"

    def leave(self, run: Any, weight: float) -> None:
        super().leave(run, weight + random.SystemRandom().random())


class LoudWithMetrics(Right):
    breaks = "evaluation-finite"

    def evaluate(self, run: Any) -> dict[str, float]:
        return {"error": float("nan")}


class ShowsNothing(Right):
    breaks = "samples-readable"

    def leave(self, run: Any, weight: float) -> None:
        run.sample("text", "  ", step=run.params.steps)
        super().leave(run, weight)


class StumblesOverRows(Right):
    """Takes the last words of each text, and falls over one that has a single word."""

    breaks = "bad-rows"

    def train(self, run: Any) -> None:
        from mill_wrong_base import texts_of

        assert [text.split()[-2] for text in texts_of(run)]
        super().train(run)


class TiedToItsFolder(Right):
    """Its model remembers where it was trained, and looks for more there."""

    breaks = "loads-elsewhere"

    def leave(self, run: Any, weight: float) -> None:
        super().leave(run, weight)
        (run.workdir.parent / "more.json").write_text("1")
        here = Path(__file__).parent
        (run.model_dir / "where.json").write_text(json.dumps(str(here / "missing.json")))

    def load(self, model_dir: Path, device: str) -> Any:
        Path(json.loads((model_dir / "where.json").read_text())).read_text()
        return super().load(model_dir, device)


class CannotPredict(Right):
    breaks = "predicts"

    def predict(self, model: Any, inputs: Any, params: Any, run: Any) -> Any:
        return [inputs[0].nothing]


class ForgetsTheLast(Right):
    breaks = "one-result-each"

    def predict(self, model: Any, inputs: Any, params: Any, run: Any) -> Any:
        return super().predict(model, inputs, params, run)[1:]


class CountsInSecret(Right):
    breaks = "meters-declared"

    def predict(self, model: Any, inputs: Any, params: Any, run: Any) -> Any:
        run.count("favours", 1)
        return super().predict(model, inputs, params, run)


class CountsBackwards(Right):
    breaks = "meters-declared"

    def predict(self, model: Any, inputs: Any, params: Any, run: Any) -> Any:
        run.count("answers", -1)
        return super().predict(model, inputs, params, run)


class AnswersAtRandom(Right):
    breaks = "seed-same-results"
    max_batch = 1

    def predict(self, model: Any, inputs: Any, params: Any, run: Any) -> Any:
        return [{"length": random.SystemRandom().random()} for _ in inputs]


class LooksAtItsNeighbours(Right):
    """Pads every input to the longest of its batch."""

    breaks = "batch-equals-single"

    def predict(self, model: Any, inputs: Any, params: Any, run: Any) -> Any:
        longest = max(len(one.prompt) for one in inputs)
        return [{"length": longest + model} for _ in inputs]


class MixesThemUp(Right):
    breaks = "batch-equals-single"

    def predict(self, model: Any, inputs: Any, params: Any, run: Any) -> Any:
        return [{"said": one.prompt} for one in reversed(inputs)]


class LeavesAPickle(Right):
    breaks = "no-pickle"

    def leave(self, run: Any, weight: float) -> None:
        super().leave(run, weight)
        (run.model_dir / "weight.bin").write_bytes(pickle.dumps(weight))


class PicklesItsCheckpoints(Right):
    breaks = "no-pickle"

    def save(self, folder: Path, state: Any) -> None:
        super().save(folder, state)
        (folder / "optimizer.pt").write_bytes(pickle.dumps(state))


class LoadsAPickle(Right):
    breaks = "no-pickle"

    def load(self, model_dir: Path, device: str) -> Any:
        pickle.loads(pickle.dumps(Path("somewhere")))
        return super().load(model_dir, device)


class CallsHome(Right):
    breaks = "no-network"

    def load(self, model_dir: Path, device: str) -> Any:
        with contextlib.suppress(OSError):
            socket.create_connection(("mill.example", 443), timeout=1)
        return super().load(model_dir, device)


class LitersItsHome(Right):
    breaks = "writes-inside"

    def leave(self, run: Any, weight: float) -> None:
        super().leave(run, weight)
        Path("notes.txt").write_text("I was here.")


class ChangesTheData(Right):
    breaks = "writes-inside"

    def leave(self, run: Any, weight: float) -> None:
        super().leave(run, weight)
        (run.data.folder / "notes.txt").write_text("I was here.")


class TalksAllDay(Right):
    breaks = "output-bounded"

    def say(self, run: Any, step: int, weight: float) -> None:
        print("step " * 2_000)
        super().say(run, step, weight)


class LeavesAChild(Right):
    breaks = "clean-end"

    def load(self, model_dir: Path, device: str) -> Any:
        subprocess.Popen(["sleep", "60"])
        return super().load(model_dir, device)


class SaysTooLittle(Right):
    breaks = "fields-described"

    class Input(Params):
        prompt: str = Field(max_length=1_000)


class KnowsNoBounds(Right):
    breaks = "fields-described"

    class PredictParams(Params):
        warmth: float = Field(0.0, description="Any number at all.")


class Anonymous(Right):
    breaks = "metadata"
    author = ""
    licence = ""


class TakesItsTime(Right):
    breaks = "describes-fast"

    class TrainParams(Right.TrainParams):
        @classmethod
        def model_json_schema(cls, *args: Any, **kwargs: Any) -> Any:
            time.sleep(1.2)
            return super().model_json_schema(*args, **kwargs)


class LeavesASentenceInEnglish(Right):
    breaks = "translations"
    translations = {"zh-hans": "zh_Hans_missing.json"}


class TranslatesWhatItDoesNotSay(Right):
    breaks = "translations"
    translations = {"zh-hans": "zh_Hans_stale.json"}
