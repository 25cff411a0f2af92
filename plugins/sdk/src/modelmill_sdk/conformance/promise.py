"""A promise: one thing that every plugin does, and how it is looked at."""

from typing import Protocol

from modelmill_sdk.conformance.child import Answer
from modelmill_sdk.conformance.evidence import Evidence
from modelmill_sdk.conformance.verdicts import Fault, Skip
from modelmill_sdk.protocol import Failed


class Promise(Protocol):
    """A check; its docstring is the promise, in one sentence."""

    id: str
    fix: str

    def look(self, evidence: Evidence) -> None:
        """Raise Fault if the promise is broken, Skip if it cannot be looked at."""


def ended_well(answer: Answer, *, check: str) -> None:
    """Raise Fault unless a piece of work came to a good end.

    Raises Skip if it failed by a rule that another check is about.
    """
    if answer.end is None:
        raise Fault(answer.death)
    if isinstance(answer.end, Failed):
        if answer.end.rule is not None and answer.end.rule != check:
            raise Skip(f"It ended by a fault of {answer.end.rule}.")
        raise Fault(failure_words(answer.end))


def broke_rule(answer: Answer, *, check: str) -> None:
    """Raise Fault if a piece of work failed by the very rule that a check is about."""
    if isinstance(answer.end, Failed) and answer.end.rule == check:
        raise Fault(failure_words(answer.end))


def failure_words(failed: Failed) -> str:
    """Give a failure's message, and the last lines of its traceback."""
    lines = [line for line in failed.traceback.strip().splitlines()[-7:-1] if line.strip()]
    return "\n".join([failed.message, *lines])
