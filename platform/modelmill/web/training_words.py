"""What a customer can do about a failed job, by the code of its error."""

from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from modelmill.training.failures import Failure

_ADVICE: Final[dict[str, str | Promise]] = {
    Failure.DATASET_INVALID: _("Look at the problems of the data, correct them and train again."),
    Failure.PARAMETERS_INVALID: _("Change the parameters and train again."),
    Failure.OUT_OF_MEMORY: _("Choose a smaller batch or a smaller model and train again."),
    Failure.NAN_LOSS: _("Lower the learning rate and train again."),
    Failure.PLUGIN_ERROR: _("You were not charged beyond the last step. Please contact us."),
    Failure.PLUGIN_CRASHED: _("It was tried several times. Train again, or contact us."),
    Failure.WORKER_LOST: _("It was tried several times. Train again; nothing is charged twice."),
    Failure.QUOTA_EXCEEDED: _("Top up your credit, then train again."),
    Failure.COST_CAP: _("Raise the limit, then train again."),
    Failure.TIMEOUT: _("Choose fewer steps or a smaller model, then train again."),
}


def failure_advice(code: str) -> str:
    """Return what to do about a failure; empty when nothing failed or nothing can be done."""
    return str(_ADVICE.get(code, ""))
