"""Equal seconds for everyone: of the processor where that does the work, of the wall on a GPU."""

import time


class Clock:
    """Runs from its making on; a busy machine does not make a CPU's clock run faster."""

    def __init__(self, device: str) -> None:
        """Count CPU seconds of all threads for "cpu", else seconds of the wall."""
        self._now = time.process_time if device == "cpu" else time.monotonic
        self._began = self._now()

    @property
    def passed_s(self) -> float:
        """Seconds since it was made."""
        return self._now() - self._began
