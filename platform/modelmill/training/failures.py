"""Why a job failed: the fixed list of codes, and which are worth another attempt."""

from typing import Final

from django.db import models
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class Failure(models.TextChoices):
    """The code of a failed job's error, with a sentence for when there is no better one."""

    DATASET_INVALID = "dataset_invalid", _("The dataset cannot be used for this training.")
    PARAMETERS_INVALID = "parameters_invalid", _("The parameters do not fit together.")
    OUT_OF_MEMORY = (
        "out_of_memory",
        _("The training needed more memory than there is. Try a smaller batch or model."),
    )
    NAN_LOSS = "nan_loss", _("The training diverged. Try a smaller learning rate.")
    PLUGIN_ERROR = "plugin_error", _("The plugin failed. Its operator has been told.")
    PLUGIN_CRASHED = "plugin_crashed", _("The plugin's process ended unexpectedly.")
    PLUGIN_MISSING = (
        "plugin_missing",
        _("The plugin cannot be loaded where it is installed. Its operator has been told."),
    )
    WORKER_LOST = "worker_lost", _("The worker that trained this job stopped answering.")
    QUOTA_EXCEEDED = "quota_exceeded", _("There is no money left for this training.")
    COST_CAP = "cost_cap", _("The training reached its cost limit.")
    CANCELLED = "cancelled", _("The job was cancelled.")
    TIMEOUT = "timeout", _("The training took longer than it may.")


# The others would fail the same way again, and cost the customer time. A plugin that cannot be
# loaded is looked at again meanwhile: what is mended or upgraded trains, also jobs that waited.
RETRYABLE: Final = frozenset({Failure.PLUGIN_CRASHED, Failure.PLUGIN_MISSING, Failure.WORKER_LOST})

# What did not finish in time, at its cost limit or the longest time, was ended with.
ENDED_AT_LIMIT: Final = (Failure.COST_CAP, Failure.TIMEOUT)

_ADVICE: Final[dict[str, str | Promise]] = {
    Failure.DATASET_INVALID: _("Look at the problems of the data, correct them and train again."),
    Failure.PARAMETERS_INVALID: _("Change the parameters and train again."),
    Failure.OUT_OF_MEMORY: _("Choose a smaller batch or a smaller model and train again."),
    Failure.NAN_LOSS: _("Lower the learning rate and train again."),
    Failure.PLUGIN_ERROR: _("You were not charged beyond the last step. Please contact us."),
    Failure.PLUGIN_CRASHED: _("It was tried several times. Train again, or contact us."),
    # A training that was resumed has been charged for the steps it did before.
    Failure.PLUGIN_MISSING: _(
        "You were not charged beyond the last step. Train again when the plugin is offered again."
    ),
    Failure.WORKER_LOST: _("It was tried several times. Train again; nothing is charged twice."),
    Failure.QUOTA_EXCEEDED: _("Top up your balance, then train again."),
    Failure.COST_CAP: _("Raise the limit, then train again."),
    Failure.TIMEOUT: _("Choose fewer steps or a smaller model, then train again."),
}


def failure_advice(code: str) -> str:
    """Return what a customer can do about it; empty when nothing failed or can be done."""
    return str(_ADVICE.get(code, ""))
