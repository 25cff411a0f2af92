"""The writing end of a pipe to a host, which never blocks for ever."""

import os
import select
import threading
import time

from modelmill_sdk.framing import frame_pack


class SendTimeout(Exception):
    """The host did not read for too long."""


class FramePipe:
    """Writes whole frames, one thread at a time."""

    def __init__(self, fd: int) -> None:
        """Own ``fd``, the writing end of a pipe."""
        os.set_blocking(fd, False)
        self._fd: int | None = fd
        self._lock = threading.Lock()

    def write(self, payload: bytes, *, timeout_s: float) -> None:
        """Write one frame.

        Raises BrokenPipeError if nobody reads any more, and SendTimeout if the host reads too
        slowly: a frame is then half written, and the host of no more use.
        """
        view = memoryview(frame_pack(payload))
        deadline = time.monotonic() + timeout_s
        with self._lock:
            while view:
                if self._fd is None:
                    raise BrokenPipeError
                view = view[self._write_some(self._fd, view, deadline) :]

    def close(self) -> None:
        """Close the pipe, which tells the host to end; a second call does nothing."""
        with self._lock:
            if self._fd is not None:
                os.close(self._fd)
                self._fd = None

    def _write_some(self, fd: int, view: memoryview, deadline: float) -> int:
        left_s = deadline - time.monotonic()
        poll = select.poll()
        poll.register(fd, select.POLLOUT)
        if left_s <= 0 or not poll.poll(left_s * 1000):
            raise SendTimeout
        try:
            return os.write(fd, view)
        except BlockingIOError:
            return 0
