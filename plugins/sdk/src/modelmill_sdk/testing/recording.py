"""A listener for tests: it keeps every message, and can ask a training to stop."""

from modelmill_sdk.protocol import Message, Progress, StopReason


class Recorder:
    """A listener that keeps every message, every step's, and can ask a training to stop."""

    progress_interval_s = 0.0

    def __init__(self, *, stop_at_step: int | None = None, reason: StopReason = "cancel") -> None:
        """Ask to stop, for ``reason``, once progress has reached ``stop_at_step``."""
        self.messages: list[Message] = []
        self._stop_at_step = stop_at_step
        self._reason = reason
        self._stop: StopReason | None = None

    def tell(self, message: Message) -> None:
        """Keep the message."""
        self.messages.append(message)
        if isinstance(message, Progress) and self._stop_at_step is not None:
            self._stop = self._reason if message.step >= self._stop_at_step else None

    def stop_reason(self) -> StopReason | None:
        """Give the reason once the step was reached."""
        return self._stop

    def is_aborted(self, request_id: str) -> bool:
        """Say that nothing is ever given up."""
        return False
