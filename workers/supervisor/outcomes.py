"""How an attempt ended, and how a plugin's failure reads in the fixed list of codes."""

from dataclasses import dataclass, field

from modelmill.training.failures import Failure
from modelmill.training.states import State
from modelmill_sdk.protocol import Failed, ProblemFound

from workers.hosts import HostDied

_SHOWN_PROBLEMS = 20
_CODES = {
    "nan_loss": Failure.NAN_LOSS,
    "out_of_memory": Failure.OUT_OF_MEMORY,
    "plugin_changed": Failure.PLUGIN_MISSING,
    "plugin_crashed": Failure.PLUGIN_CRASHED,
    "plugin_missing": Failure.PLUGIN_MISSING,
}


@dataclass(frozen=True, kw_only=True)
class Trained:
    """The model lies in the model folder."""

    metrics: dict[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Stopped:
    """The plugin stopped as it was asked; ``state`` is what the job becomes."""

    state: State


@dataclass(frozen=True, kw_only=True)
class Broke:
    """The attempt failed."""

    code: Failure
    message: str = ""
    param: str = ""
    detail: str = ""
    lines: tuple[str, ...] = ()


Outcome = Trained | Stopped | Broke


def failed_outcome(message: Failed) -> Broke:
    """Translate what the plugin's process said before it gave up."""
    if message.who == "customer":
        given = Failure.PARAMETERS_INVALID if message.param else Failure.DATASET_INVALID
        return Broke(
            code=_CODES.get(message.code, given),
            message=message.message,
            param=message.param or "",
        )
    code = _CODES.get(message.code, Failure.PLUGIN_ERROR)
    return Broke(code=code, detail=f"{message.message}\n{message.traceback}")


def death_outcome(death: HostDied) -> Broke:
    """Translate the end of a process that said nothing."""
    return Broke(code=Failure.PLUGIN_CRASHED, detail=f"{death}\n{death.stderr_tail}")


def problems_outcome(problems: list[ProblemFound]) -> Broke:
    """Turn what a plugin found in the data into one refusal, and a line for each problem."""
    lines = [_line(problem) for problem in problems]
    rest = len(lines) - _SHOWN_PROBLEMS
    if rest > 0:
        lines = [*lines[:_SHOWN_PROBLEMS], f"… and {rest} more."]
    return Broke(code=Failure.DATASET_INVALID, message=lines[0], lines=tuple(lines[1:]))


def _line(problem: ProblemFound) -> str:
    places = []
    if problem.file:
        places.append(problem.file)
    if problem.row is not None:
        places.append(f"row {problem.row}")
    if problem.field:
        places.append(problem.field)
    where = f"{', '.join(places)}: " if places else ""
    return f"{where}{problem.reason} {problem.fix}".strip()
