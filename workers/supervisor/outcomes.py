"""How an attempt ended, and how a plugin's failure reads in the fixed list of codes."""

from dataclasses import dataclass, field

from django.utils.translation import gettext as _
from modelmill.training.failures import Failure
from modelmill.training.states import State
from modelmill_sdk.protocol import Failed, ProblemFound

from workers.hosts import HostDied, MemoryExcess
from workers.hosts.spec import MIB

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


def failed_outcome(message: Failed, *, excess: MemoryExcess | None = None) -> Broke:
    """Translate what the plugin's process said before it gave up.

    With ``excess`` the kernel had ended one of its processes for the memory it took, which a
    plugin tells as a failure of its own.
    """
    if message.who == "customer":
        given = Failure.PARAMETERS_INVALID if message.param else Failure.DATASET_INVALID
        return Broke(
            code=_CODES.get(message.code, given),
            message=message.message,
            param=message.param or "",
        )
    code = _CODES.get(message.code, Failure.PLUGIN_ERROR)
    detail = f"{message.message}\n{message.traceback}"
    if excess is not None and code in (Failure.PLUGIN_ERROR, Failure.PLUGIN_CRASHED):
        return _excess_outcome(excess, detail=detail)
    return Broke(code=code, detail=detail)


def death_outcome(death: HostDied) -> Broke:
    """Translate the end of a process that said nothing."""
    detail = f"{death}\n{death.stderr_tail}"
    if death.excess is not None:
        return _excess_outcome(death.excess, detail=detail)
    return Broke(code=Failure.PLUGIN_CRASHED, detail=detail)


def problems_outcome(problems: list[ProblemFound]) -> Broke:
    """Turn what a plugin found in the data into one refusal, and a line for each problem."""
    lines = [_line(problem) for problem in problems]
    rest = len(lines) - _SHOWN_PROBLEMS
    if rest > 0:
        lines = [*lines[:_SHOWN_PROBLEMS], f"… and {rest} more."]
    return Broke(code=Failure.DATASET_INVALID, message=lines[0], lines=tuple(lines[1:]))


def _excess_outcome(excess: MemoryExcess, *, detail: str) -> Broke:
    message = _(
        "The training used %(used)s MiB of memory, and needs more than the %(most)s MiB that it "
        "may have."
    )
    values = {"used": excess.used_bytes // MIB, "most": excess.most_bytes // MIB}
    return Broke(code=Failure.OUT_OF_MEMORY, message=message % values, detail=detail)


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
