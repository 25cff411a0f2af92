"""What the platform itself says of a job, by code: stored in English, read in any language."""

from collections.abc import Mapping
from typing import Any, Final

from django.db import models
from django.utils import translation
from django.utils.translation import gettext_lazy as _

from modelmill.training.failures import Failure
from modelmill.training.states import EarlyEnd


class Said(models.TextChoices):
    """The code of a line in a job's events, with its sentence."""

    CANCELLING = "cancelling", _("The job is being cancelled.")
    PAUSED_WAITING = "paused_waiting", _("The job is paused.")
    PAUSING = "pausing", _("The job is being paused.")
    SUSPENDED = "suspended", _("The organisation is suspended; the job is being paused.")
    FINISHING = "finishing", _("The job is being finished with what it has learnt.")
    CREATED = "created", _("Training job created.")
    WAITS_WORKER = "waits_worker", _("The job waits for a worker.")
    WAITS_DATA = "waits_data", _("The job waits until its data has been checked.")
    DATA_READY = "data_ready", _("The data is ready; the job waits for a worker.")
    STARTED = "started", _("Training started on %(device)s.")
    GOES_ON = "goes_on", _("Training goes on from step %(step)s on %(device)s.")
    MODEL_MADE = "model_made", _("New model made: %(name)s")
    # What became of it in the sentence of another code, which is among the values.
    ENDED = "ended", "%(message)s"
    DONE = "done", _("The job has successfully completed.")
    TRIED_AGAIN = (
        "tried_again",
        _("%(message)s It will be tried again from its last checkpoint."),
    )
    YIELDED = (
        "yielded",
        _("It makes room for a job that goes first, and goes on from its checkpoint."),
    )
    WAITS_FINISH = "waits_finish", _("The job waits for a worker that finishes it.")
    WORKER_ENDS = (
        "worker_ends",
        _("The worker is shutting down; the job waits for another one."),
    )
    PAUSED = "paused", _("The job is paused; resume it to go on from its checkpoint.")
    PAUSING_UNPAID = "pausing_unpaid", _("The balance is used up; the job is being paused.")
    PAUSED_UNPAID = (
        "paused_unpaid",
        _("The balance is used up, so the job is paused. Top it up, then resume the job."),
    )
    FINISHES_UNPAID = (
        "finishes_unpaid",
        _("The balance is used up; what the job takes to finish is not charged beyond it."),
    )
    ASKED_ROOM = "asked_room", _("It is asked to make room for a job that goes first.")
    BECOMES_MODEL = (
        "becomes_model",
        _("The checkpoint of step %(step)s becomes a model, by the job %(job)s."),
    )
    QUOTED = "quoted", _("To its last step it is expected to cost about %(amount)s.")
    QUOTE_UNTOLD = (
        "quote_untold",
        _("What it will cost cannot be told: it made too few steps in its free time."),
    )
    QUOTE_WAITS = (
        "quote_waits",
        _("Nothing was charged so far. Let the job go on, or cancel it."),
    )
    NEAR_LIMIT = (
        "near_limit",
        _("The job is near its cost limit and is being finished with what it has learnt."),
    )
    QUOTE_TOO_LONG = (
        "quote_too_long",
        _(
            "A training may take %(hours)s hours at most: it will be finished then, with a model "
            "of what it has learnt."
        ),
    )
    AT_TIME_LIMIT = (
        "at_time_limit",
        _(
            "The job has trained for as long as a training may and is being finished with what "
            "it has learnt."
        ),
    )
    CHECKPOINT_DAMAGED = (
        "checkpoint_damaged",
        _("The checkpoint of step %(step)s is damaged and was given up."),
    )
    CHECKPOINT_NOT_STORED = (
        "checkpoint_not_stored",
        _("The checkpoint of step %(step)s could not be stored."),
    )
    RELEASE_CHANGED = "release_changed", _("The plugin is at version %(version)s by now.")
    TRAINS_ON = (
        "trains_on",
        _("This release of the plugin cannot finish early and trains on."),
    )
    SAMPLE_LEFT_OUT = "sample_left_out", _("A sample was left out: it is not a PNG picture.")
    TOO_TALKATIVE = (
        "too_talkative",
        _("The plugin says too much: more of it is left out."),
    )


# A code among the values, by its name there: it is told in its own sentence.
_TOLD: Final[dict[str, type[models.TextChoices]]] = {"failure": Failure, "early_end": EarlyEnd}


def sentence_english(said: Said, values: Mapping[str, Any]) -> str:
    """Return a sentence as it is stored, and as programs read it."""
    with translation.override("en"):
        return _sentence(said, values)


def sentence_read(code: str, values: Mapping[str, Any], *, stored: str) -> str:
    """Return the sentence of a code in the reader's language; ``stored`` where it has none."""
    try:
        return _sentence(Said(code), values) if code else stored
    except (KeyError, ValueError):
        # A row of another release, with another code or other values.
        return stored


def _sentence(said: Said, values: Mapping[str, Any]) -> str:
    told = dict(values)
    for name, codes in _TOLD.items():
        if name in told:
            told["message"] = str(codes(told[name]).label)
    return str(said.label) % told
