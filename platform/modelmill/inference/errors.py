"""The inference room's own errors."""

from typing import Any

from modelmill.core.errors import InvalidRequest, MillError

# What the customer can mend; every other code is a failure of ours or of the plugin's.
CUSTOMER_CODES = frozenset(
    {"invalid_value", "model_deleted", "model_needs_release", "model_unavailable"}
)


class PredictionFailed(MillError):
    """The model, or the machine under it, failed; nothing was charged."""

    status = 500
    code = "prediction_failed"

    @property
    def headers(self) -> dict[str, str]:
        """Tell the client not to retry: we did that already."""
        return {"x-should-retry": "false"}


def error_of(found: dict[str, Any]) -> MillError:
    """Return the error that a failed prediction's row describes."""
    kind = InvalidRequest if found["code"] in CUSTOMER_CODES else PredictionFailed
    return kind(found["message"], code=found["code"], param=found.get("param"))
