"""Every error a customer can see: a stable code, an HTTP status, a message to act on.

Services raise these; each door translates them once. ``type`` is the word the
OpenAI envelope uses, so that clients written for that API branch correctly.
"""


class MillError(Exception):
    """The root. ``message`` tells the customer what is wrong and what to do."""

    status: int = 500
    type: str = "server_error"
    code: str = "server_error"

    def __init__(self, message: str, *, code: str | None = None, param: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        if code is not None:
            self.code = code

    @property
    def headers(self) -> dict[str, str]:
        """Headers that tell a client whether trying again can help."""
        return {}


class InvalidRequest(MillError):
    """The request cannot be done as asked; ``param`` names the part that is wrong."""

    status = 400
    type = "invalid_request_error"
    code = "invalid_value"


class Conflict(MillError):
    """The object's state forbids this. It is a 400: OpenAI clients retry a 409 blindly."""

    status = 400
    type = "invalid_request_error"
    code = "conflict"


class NotAuthenticated(MillError):
    """No key, or one that is wrong, expired or revoked."""

    status = 401
    type = "authentication_error"
    code = "invalid_api_key"


class PermissionDenied(MillError):
    """The caller is known and may not do this."""

    status = 403
    type = "permission_error"
    code = "permission_denied"


class NotFound(MillError):
    """There is no such object here: missing and a stranger's look the same."""

    status = 404
    type = "not_found_error"
    code = "not_found"


class PayloadTooLarge(MillError):
    """The body is larger than this endpoint takes."""

    status = 413
    type = "invalid_request_error"
    code = "payload_too_large"


class QuotaExceeded(MillError):
    """There is no money or quota left for this; trying again will not help."""

    status = 429
    type = "insufficient_quota"
    code = "insufficient_quota"

    @property
    def headers(self) -> dict[str, str]:
        """Tell the client not to retry."""
        return {"x-should-retry": "false"}


class RateLimited(MillError):
    """Too many requests for now; ``retry_after_s`` says when to come back."""

    status = 429
    type = "rate_limit_error"
    code = "rate_limit_exceeded"

    def __init__(self, message: str, *, retry_after_s: int = 1, code: str | None = None) -> None:
        super().__init__(message, code=code)
        self.retry_after_s = retry_after_s

    @property
    def headers(self) -> dict[str, str]:
        """Tell the client how long to wait."""
        return {"Retry-After": str(self.retry_after_s)}


class Unavailable(MillError):
    """A part of the installation is away; the same request may work soon."""

    status = 503
    type = "server_error"
    code = "unavailable"
