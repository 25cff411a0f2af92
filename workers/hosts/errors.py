"""How a plugin's process may fail its parent."""

import signal
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class MemoryExcess:
    """What a host's processes had of memory when that was too much, and what they may have."""

    used_bytes: int
    most_bytes: int


class HostDied(Exception):
    """The plugin's process ended, or had to be ended.

    ``exit_code`` is as in ``subprocess``: negative for a signal, None if it is not known yet.
    ``stderr_tail`` is the last it printed, which belongs to the operator and never to a customer.
    ``excess`` is there when it was ended for the memory it took, by its parent or by the kernel.
    """

    def __init__(
        self,
        *,
        exit_code: int | None,
        stderr_tail: str,
        reason: str = "",
        excess: MemoryExcess | None = None,
    ) -> None:
        """Record how the process ended, and ``reason`` if the parent ended it."""
        self.exit_code = exit_code
        self.stderr_tail = stderr_tail
        self.reason = reason
        self.excess = excess
        super().__init__(f"The plugin's process {reason or self._how()}.")

    @property
    def signal_name(self) -> str | None:
        """The signal that ended it, such as "SIGKILL"."""
        if self.exit_code is None or self.exit_code >= 0:
            return None
        try:
            return signal.Signals(-self.exit_code).name
        except ValueError:
            return f"signal {-self.exit_code}"

    def _how(self) -> str:
        if self.signal_name:
            return f"was ended by {self.signal_name}"
        return f"ended with exit code {self.exit_code}"
