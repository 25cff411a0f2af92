"""The most memory that a host's processes had: seen once a second, and told by the kernel."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path


class MemoryPeak:
    """Keeps the largest figure; ``look`` often.

    The kernel's mark of the largest process shows what came and went between two looks. A control
    group's own peak is no help: it counts cached files, which the kernel gives back when asked.
    """

    def __init__(
        self, *, now_bytes: Callable[[set[int]], int], pids: Callable[[], set[int]]
    ) -> None:
        """Measure by ``now_bytes``: what these processes have together, at this moment."""
        self._now_bytes = now_bytes
        self._pids = pids
        self.bytes = 0

    def look(self) -> int:
        """Measure, keep the most, and return what is there now."""
        pids = self._pids()
        now_bytes = self._now_bytes(pids)
        marks = [_high_mark(pid) for pid in pids]
        self.bytes = max(self.bytes, now_bytes, *marks)
        return now_bytes


def _high_mark(pid: int) -> int:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0
