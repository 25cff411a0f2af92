"""Failures: an exception turned into the message that says who should see it."""

import traceback

from modelmill_sdk.errors import (
    Cancelled,
    CustomerError,
    PluginChanged,
    PluginError,
    PluginMissing,
    memory_ran_out,
)
from modelmill_sdk.host.ranks import RankFailed
from modelmill_sdk.protocol import MAX_TRACEBACK_CHARS, Failed
from modelmill_sdk.texts import text_clean

_MAX_MESSAGE_CHARS = 2_000


def failure_message(error: BaseException, *, request_id: str | None = None) -> Failed:
    """Describe an error; only a CustomerError's words are meant for the customer."""
    if isinstance(error, RankFailed):
        return error.failed
    if isinstance(error, CustomerError):
        message = text_clean(error.message, max_chars=_MAX_MESSAGE_CHARS)
        return Failed(
            request_id=request_id,
            code=error.code,
            message=message,
            param=error.param,
            who="customer",
        )
    if isinstance(error, Cancelled):
        return Failed(request_id=request_id, code="cancelled", message="Cancelled.", who="customer")
    return Failed(
        request_id=request_id,
        code=_code(error),
        message=text_clean(f"{type(error).__name__}: {error}", max_chars=_MAX_MESSAGE_CHARS),
        traceback=traceback_text(error),
        rule=error.rule if isinstance(error, PluginError) else None,
    )


def traceback_text(error: BaseException) -> str:
    """Give the end of an error's traceback, fit for a message."""
    lines = traceback.format_exception(error)
    return text_clean("".join(lines), max_chars=MAX_TRACEBACK_CHARS)


def _code(error: BaseException) -> str:
    if isinstance(error, PluginChanged):
        return "plugin_changed"
    if isinstance(error, PluginMissing):
        return "plugin_missing"
    return "out_of_memory" if memory_ran_out(error) else "plugin_error"
