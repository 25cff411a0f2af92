"""Progress reports: the newest one, not too often, and never losing the last."""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from modelmill_sdk.errors import PluginError
from modelmill_sdk.metrics import MAX_METRICS, metrics_plain
from modelmill_sdk.peaks import gpu_peak_bytes
from modelmill_sdk.protocol import Message, Progress

SEND_INTERVAL_S = 0.1


class ProgressReporter:
    """Sends at most ten reports a second, from a loop that may turn a thousand times a second.

    The first report after a quiet moment goes at once. One that came too soon waits, and is sent by
    a thread of its own when its time has come, or by ``flush``. A newer one takes its place, and
    with it those of its metrics that it has not itself: what is measured once in a hundred steps
    is told, whatever comes right after it.
    """

    def __init__(
        self, tell: Callable[[Message], None], *, interval_s: float = SEND_INTERVAL_S
    ) -> None:
        """Report to ``tell``, which may be called from any thread."""
        self.step = self.total = 0
        self._tell = tell
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._closed = threading.Event()
        self._pending: tuple[int, int, Mapping[str, Any]] | None = None
        self._interval_s = interval_s
        self._sent_at = -interval_s
        self._thread: threading.Thread | None = None

    def update(self, step: int, total: int, metrics: Mapping[str, Any]) -> None:
        """Take the newest report. Raises PluginError if the step went back or past the total."""
        if step < self.step or not 0 <= step <= total:
            raise PluginError(
                f"progress(step={step}, total={total}) after step {self.step}: "
                "the step may neither go back nor pass the total.",
                rule="progress-grows",
            )
        with self._lock:
            self.step, self.total = step, total
            waiting = self._pending[2] if self._pending else {}
            if len({*waiting, *metrics}) > MAX_METRICS:
                self._send()
                waiting = {}
            self._pending = (step, total, {**waiting, **metrics})
            if time.monotonic() - self._sent_at >= self._interval_s:
                self._send()
                return
        self._wake_thread()

    def flush(self) -> None:
        """Send what is waiting; whoever reads a message sent after this knows the exact step."""
        with self._lock:
            self._send()

    def close(self) -> None:
        """Flush, and end the thread."""
        self.flush()
        self._closed.set()
        self._wake.set()

    def _send(self) -> None:
        if self._pending is None:
            return
        step, total, metrics = self._pending
        self._pending = None
        self._tell(
            Progress(
                step=step,
                total=total,
                metrics=metrics_plain(metrics),
                gpu_peak_bytes=gpu_peak_bytes(),
            )
        )
        self._sent_at = time.monotonic()

    def _wake_thread(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._send_late, name="progress", daemon=True)
            self._thread.start()
        self._wake.set()

    def _send_late(self) -> None:
        while self._wake.wait() and not self._closed.wait(self._interval_s):
            self._wake.clear()
            try:
                self.flush()
            except PluginError:
                # A metric that is no number: the plugin's own thread meets it at the next flush.
                continue
