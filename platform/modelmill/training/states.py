"""The states of a training job, and which may follow which."""

from typing import Final

from django.db import models
from django.utils.translation import gettext_lazy as _


class State(models.TextChoices):
    """Where a job is; OpenAI's words, and ``paused``, which its examples use."""

    VALIDATING = "validating_files", _("Checking the data")
    QUEUED = "queued", _("Waiting")
    RUNNING = "running", _("Training")
    PAUSED = "paused", _("Paused")
    SUCCEEDED = "succeeded", _("Done")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Cancelled")


class Desired(models.TextChoices):
    """What the customer asked a running job to become.

    A job that is to finish may change hands on the way: whoever takes it finishes it. To
    make room is no wish of the customer's: the job goes on as soon as there is some.
    """

    RUN = "run", _("Go on")
    PAUSE = "pause", _("Pause")
    YIELD = "yield", _("Make room")
    FINISH = "finish", _("Finish now")
    CANCEL = "cancel", _("Cancel")


class Priority(models.IntegerChoices):
    """Which of a tenant's own waiting jobs go first."""

    LOW = -1, _("Low")
    NORMAL = 0, _("Normal")
    HIGH = 1, _("High")


class EarlyEnd(models.TextChoices):
    """Why a job is finished before its last step, with a model of what it has learnt."""

    ASKED = "asked", _("It was finished early, as asked.")
    COST_CAP = "cost_cap", _("It was finished at its cost limit.")
    TIME_CAP = "time_cap", _("It was finished at the longest time that a training may take.")
    KEPT = "kept", _("It made a model of a checkpoint.")


FOLLOWS: Final[dict[str, frozenset[str]]] = {
    State.VALIDATING: frozenset({State.QUEUED, State.FAILED, State.CANCELLED}),
    State.QUEUED: frozenset({State.RUNNING, State.PAUSED, State.FAILED, State.CANCELLED}),
    State.RUNNING: frozenset(
        {State.QUEUED, State.PAUSED, State.SUCCEEDED, State.FAILED, State.CANCELLED}
    ),
    State.PAUSED: frozenset({State.QUEUED, State.CANCELLED}),
    State.SUCCEEDED: frozenset(),
    State.FAILED: frozenset(),
    State.CANCELLED: frozenset(),
}

# A worker may take, or go on with, a job of which this is wished.
WORKED_ON: Final = (Desired.RUN, Desired.FINISH)

# At a limit a job is finished whatever its customer would rather have, and in so much time.
AT_LIMIT: Final = (EarlyEnd.COST_CAP, EarlyEnd.TIME_CAP)

ENDED: Final = frozenset(state for state, after in FOLLOWS.items() if not after)


def may_follow(before: str, after: str) -> bool:
    """Say whether a job in ``before`` may become ``after``."""
    return after in FOLLOWS[before]


def states_before(after: str) -> list[str]:
    """Return the states from which a job may become ``after``, for a guarded UPDATE."""
    return [before for before, follows in FOLLOWS.items() if after in follows]
