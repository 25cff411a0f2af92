"""How a prediction may end without a result."""


class Refused(Exception):
    """The prediction cannot be done as asked, or the plugin failed; nothing is charged.

    ``message`` is for the customer, ``detail`` for the operator's log alone.
    """

    def __init__(
        self, message: str, *, code: str, param: str | None = None, detail: str = ""
    ) -> None:
        """Record who is told what."""
        super().__init__(message)
        self.message = message
        self.code = code
        self.param = param
        self.detail = detail


class LeaseLost(Exception):
    """Another worker has the prediction now: stop, and write nothing."""
