"""How a plugin's failure reads in the fixed list of codes."""

import pytest
from modelmill.training.failures import Failure
from modelmill_sdk import CustomerError
from modelmill_sdk.host.failures import failure_message

from workers.supervisor.outcomes import failed_outcome


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (CustomerError("Too wide.", param="width"), Failure.PARAMETERS_INVALID),
        (CustomerError("Too few rows."), Failure.DATASET_INVALID),
        (CustomerError("Lower it.", param="learning_rate", code="nan_loss"), Failure.NAN_LOSS),
        (
            CustomerError("Smaller.", param="batch_size", code="out_of_memory"),
            Failure.OUT_OF_MEMORY,
        ),
    ],
)
def test_a_plugins_own_words_stand_under_the_code_they_belong_to(error, code) -> None:
    outcome = failed_outcome(failure_message(error))
    assert (outcome.code, outcome.message, outcome.param) == (
        code,
        error.message,
        error.param or "",
    )
