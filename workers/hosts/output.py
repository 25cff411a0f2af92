"""What a host prints: always read, and only the end kept."""

import os
import threading

MAX_TAIL_BYTES = 64 * 1024
# What any user may make a pipe of; a chatty process then costs us half the time.
PIPE_BYTES = 1 << 20


class OutputTail:
    """Drains a pipe in a thread, so that a chatty process never blocks nor fills our memory."""

    def __init__(self, fd: int) -> None:
        """Own ``fd``, and read it to its end."""
        self._fd = fd
        self._tail = bytearray()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._drain, name="host-output", daemon=True)
        self._thread.start()

    def text(self, *, wait_s: float = 0.0) -> str:
        """Give the last of it; wait that long for the end of the stream first."""
        self._thread.join(wait_s)
        with self._lock:
            return self._tail.decode("utf-8", "replace")

    def _drain(self) -> None:
        with os.fdopen(self._fd, "rb", buffering=0) as stream:
            while part := stream.read(PIPE_BYTES):
                with self._lock:
                    self._tail += part[-MAX_TAIL_BYTES:]
                    del self._tail[:-MAX_TAIL_BYTES]
