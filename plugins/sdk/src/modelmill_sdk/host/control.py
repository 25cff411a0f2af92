"""The child's end of the pipes: work arrives in order, a stop or an abort at once."""

import os
import queue
import sys
import threading

from modelmill_sdk.errors import ProtocolError
from modelmill_sdk.framing import frame_read, frame_write
from modelmill_sdk.progress import SEND_INTERVAL_S
from modelmill_sdk.protocol import (
    Message,
    PredictAbort,
    PredictStart,
    Stop,
    StopReason,
    ToChild,
    TrainStart,
    message_encode,
    to_child_decode,
)

_EXIT_PROTOCOL = 70  # EX_SOFTWARE of sysexits.h


class Control:
    """A listener (see ``runs.Listener``) whose other end is the platform.

    A thread reads the pipe all the time, so a stop is seen while the plugin computes. When the
    pipe ends the parent is gone, and the process ends at once: nothing may outlive its parent.
    """

    progress_interval_s = SEND_INTERVAL_S

    def __init__(self, *, read_fd: int, write_fd: int) -> None:
        """Take the two pipe ends; ``listen`` starts reading."""
        self._read_fd = read_fd
        self._write_fd = write_fd
        self._write_lock = threading.Lock()
        self._work: queue.SimpleQueue[ToChild] = queue.SimpleQueue()
        self._stop: StopReason | None = None
        self._waiting: set[str] = set()
        self._aborted: set[str] = set()

    def listen(self) -> None:
        """Start the reading thread."""
        threading.Thread(target=self._read_all, name="control", daemon=True).start()

    def work_next(self) -> ToChild:
        """Wait for the next piece of work."""
        return self._work.get()

    def tell(self, message: Message) -> None:
        """Write one message; safe from any thread. Raises ProtocolError if it is too long."""
        payload = message_encode(message)
        with self._write_lock:
            try:
                frame_write(self._write_fd, payload)
            except BrokenPipeError:
                os._exit(0)

    def stop_reason(self) -> StopReason | None:
        """Say whether the training was asked to stop, and how."""
        return self._stop

    def is_aborted(self, request_id: str) -> bool:
        """Say whether a prediction was given up."""
        return request_id in self._aborted

    def request_forget(self, request_id: str) -> None:
        """Drop what is known of a prediction that has ended."""
        self._waiting.discard(request_id)
        self._aborted.discard(request_id)

    def _read_all(self) -> None:
        try:
            while (payload := frame_read(self._read_fd)) is not None:
                self._take(to_child_decode(payload))
        except (ProtocolError, OSError) as error:
            sys.stderr.write(f"The platform's end of the pipe is broken: {error}\n")
            sys.stderr.flush()
            os._exit(_EXIT_PROTOCOL)
        os._exit(0)

    def _take(self, message: ToChild) -> None:
        if isinstance(message, Stop):
            self._stop = message.reason
            return
        if isinstance(message, PredictAbort):
            # An abort may cross the result on its way; then nothing is waiting.
            if message.request_id in self._waiting:
                self._aborted.add(message.request_id)
            return
        if isinstance(message, TrainStart) and self._stop != "finish":
            # Who shall finish at once is told so before it starts.
            self._stop = None
        if isinstance(message, PredictStart):
            self._waiting.add(message.request_id)
        self._work.put(message)
