"""Validation: a plugin's own look at a dataset, before any training time is spent."""

import tempfile
from pathlib import Path

from modelmill_sdk.data import TrainData
from modelmill_sdk.errors import CustomerError
from modelmill_sdk.host.failures import failure_message
from modelmill_sdk.host.parameters import parameters_read
from modelmill_sdk.plugin import Plugin, Problem
from modelmill_sdk.protocol import Failed, ProblemFound, ValidateDone, ValidateStart
from modelmill_sdk.runs import Listener
from modelmill_sdk.texts import text_clean

MAX_PROBLEMS = 1_000
_MAX_CHARS = 1_000


def plugin_validate(
    plugin: Plugin, start: ValidateStart, listener: Listener
) -> ValidateDone | Failed:
    """Tell each problem found, at most ``MAX_PROBLEMS``, and give the message that ends it.

    A CustomerError raised on the way is a problem too: of the whole dataset, not of a row. One
    about a parameter is none of the data's: it ends the look.
    """
    try:
        params = parameters_read(plugin.TrainParams, start.params)
        with tempfile.TemporaryDirectory() as cache_dir:
            data = TrainData(start.data_dir, cache_dir=Path(cache_dir))
            for number, problem in enumerate(plugin.validate(data, params), start=1):
                listener.tell(_message(problem))
                if number == MAX_PROBLEMS:
                    break
    except CustomerError as error:
        if error.param in plugin.TrainParams.model_fields:
            return failure_message(error)
        listener.tell(_message(Problem(reason=error.message, field=error.param)))
    return ValidateDone()


def _message(problem: Problem) -> ProblemFound:
    return ProblemFound(
        file=problem.file,
        row=problem.row,
        field=problem.field,
        reason=text_clean(problem.reason, max_chars=_MAX_CHARS),
        fix=text_clean(problem.fix, max_chars=_MAX_CHARS),
    )
