"""The clock of one attempt: cuts its time into slices, each proved and billed once."""

import time
from collections.abc import Callable

from modelmill.training.slices import Slice


class SliceClock:
    """Measures device time by the monotonic clock, from ``start`` on.

    A slice that was cut is given again until ``settle``: an answer from the
    database may be lost after it was committed, and the same slice is then
    recorded once.
    """

    def __init__(self, *, now: Callable[[], float] = time.monotonic) -> None:
        """Start no time yet."""
        self._now = now
        self._began_at: float | None = None
        self._stopped_at: float | None = None
        self._pending: Slice | None = None
        self._pending_at = 0.0
        self._number = 0
        self._step = 0
        self._devices = 1
        self._resumed_step: int | None = None
        self._reached = 0
        self._first_step_at: float | None = None
        self._last_step_at = 0.0
        # In device time, at the step where the next slice begins.
        self._stood_ms = 0

    def start(
        self, *, resumed_step: int | None, devices: int = 1, is_start_billed: bool = False
    ) -> None:
        """Begin to measure so many devices, at the step the attempt goes on from.

        What it takes to go on is billed where the customer had paused the training.
        """
        self._began_at = self._last_step_at = self._now()
        self._devices = devices
        self._resumed_step = None if is_start_billed else resumed_step
        self._step = self._reached = resumed_step or 0

    def stepped(self, step: int) -> None:
        """Note when a step was reached: time behind the last one is billed apart from it."""
        if step > self._reached:
            self._reached, self._last_step_at = step, self._now()
            if self._first_step_at is None:
                self._first_step_at = self._last_step_at

    def stop(self) -> None:
        """Measure no further: what comes now is the platform's own work."""
        if self._stopped_at is None:
            self._stopped_at = self._now()

    def cut(self, step: int) -> Slice | None:
        """Return the slice up to now and ``step``, or the one that is not settled yet."""
        if self._pending is not None or self._began_at is None:
            return self._pending
        self._pending_at = self._now() if self._stopped_at is None else self._stopped_at
        elapsed_ms = self._device_ms(self._began_at, self._pending_at)
        lead_ms = still_ms = 0
        if step > self._step:
            still_ms = self._device_ms(self._last_step_at, self._pending_at)
            if self._first_step_at is not None:
                lead_ms = self._device_ms(self._began_at, self._first_step_at)
        self._pending = Slice(
            number=self._number + 1,
            step_from=self._step,
            step_to=max(step, self._step),
            elapsed_ms=elapsed_ms,
            devices=self._devices,
            resumed_step=self._resumed_step,
            lead_ms=min(lead_ms, elapsed_ms),
            still_ms=min(still_ms, elapsed_ms - min(lead_ms, elapsed_ms)),
            stood_ms=self._stood_ms,
        )
        return self._pending

    def settle(self, piece: Slice | None) -> None:
        """Take a slice as recorded and go on after it."""
        if piece is None or piece is not self._pending:
            return
        if piece.is_still:
            self._stood_ms += piece.elapsed_ms
        else:
            self._stood_ms = piece.still_ms
        self._number, self._step, self._pending = piece.number, piece.step_to, None
        self._began_at = self._pending_at

    @property
    def is_pending(self) -> bool:
        """Whether a slice was cut and not settled."""
        return self._pending is not None

    def _device_ms(self, start: float, end: float) -> int:
        return max(0, int((end - start) * 1000 * self._devices))
