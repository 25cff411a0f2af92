"""Why a job failed: the fixed list of codes, and which are worth another attempt."""

from typing import Final

from django.db import models
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
    WORKER_LOST = "worker_lost", _("The worker that trained this job stopped answering.")
    QUOTA_EXCEEDED = "quota_exceeded", _("There is no money left for this training.")
    COST_CAP = "cost_cap", _("The training reached its cost limit.")
    CANCELLED = "cancelled", _("The job was cancelled.")
    TIMEOUT = "timeout", _("The training took longer than it may.")


# The others would fail the same way again, and cost the customer time.
RETRYABLE: Final = frozenset({Failure.PLUGIN_CRASHED, Failure.WORKER_LOST})
