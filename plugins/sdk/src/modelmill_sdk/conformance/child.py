"""One watched process, and our ends of its pipes."""

import contextlib
import json
import os
import re
import select
import signal
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from modelmill_sdk.conformance.scratch import Scratch
from modelmill_sdk.conformance.starting import Start
from modelmill_sdk.conformance.targets import Target
from modelmill_sdk.conformance.watched import ENDINGS, WatchSettings
from modelmill_sdk.errors import ProtocolError
from modelmill_sdk.framing import frame_read, frame_write
from modelmill_sdk.protocol import (
    FromChild,
    Message,
    ToChild,
    from_child_decode,
    message_encode,
)

_TAIL_BYTES = 8_000
_END_S = 3.0


@dataclass(frozen=True)
class Sighting:
    """One thing the watched process was seen to do."""

    kind: str
    what: str


@dataclass
class Answer:
    """What came back for one piece of work, and how it ended."""

    # Each message with the moment it came at, by the monotonic clock.
    timed: list[tuple[float, FromChild]] = field(default_factory=list)
    took_s: float = 0.0
    # None when the process died, or did not end in time.
    end: FromChild | None = None
    death: str = ""

    @property
    def messages(self) -> list[FromChild]:
        """Give every message, in order."""
        return [message for _, message in self.timed]

    def of(self, kind: type[Message]) -> list[Message]:
        """Give the messages of one kind, in order."""
        return [message for message in self.messages if isinstance(message, kind)]


class Child:
    """A process that runs the plugin under check; leaving it as a context ends the process."""

    def __init__(
        self, start: Start, target: Target, scratch: Scratch, *, max_batch: int = 0
    ) -> None:
        """Start it, and wait until it is ready; ``max_batch`` overrules the plugin's own."""
        self.orders = scratch.orders_file()
        child_read, self._write_fd = os.pipe()
        self._read_fd, child_write = os.pipe()
        self._report_fd, child_report = os.pipe()
        output_read, child_output = os.pipe()
        fds = (child_read, child_write, child_report, child_output)
        settings = WatchSettings(
            target=target,
            orders=self.orders,
            max_batch=max_batch,
            writable=scratch.writable,
        )
        try:
            self._process = start(settings, fds)
        finally:
            for fd in fds:
                os.close(fd)
        self.sightings: list[Sighting] = []
        self._marks = threading.Semaphore(0)
        self.output_bytes = 0
        self._tail = b""
        self._threads = [
            threading.Thread(target=self._read_output, args=(output_read,), daemon=True),
            threading.Thread(target=self._read_sightings, daemon=True),
        ]
        for thread in self._threads:
            thread.start()
        self.ready = self._receive(time.monotonic() + 60)

    def ask(self, work: ToChild, *, timeout_s: float) -> Answer:
        """Send work, and collect what comes until it is done, dead or out of time."""
        answer, began = Answer(), time.monotonic()
        try:
            frame_write(self._write_fd, message_encode(work))
            while answer.end is None:
                message = self._receive(began + timeout_s)
                answer.timed.append((time.monotonic(), message))
                if isinstance(message, ENDINGS):
                    answer.end = message
            # What it was seen to do until then comes by a pipe of its own.
            self._marks.acquire(timeout=_END_S)
        except TimeoutError:
            answer.death = f"It did not end within {timeout_s:g} s."
            self.kill()
        except (ProtocolError, OSError) as error:
            code = self._process.wait(_END_S)
            if code is None:
                self.kill()
                code = -signal.SIGKILL
            by = f"signal {-code}" if code < 0 else f"exit status {code}"
            answer.death = f"The process ended by {by} ({error})\n{self.tail()}"
        answer.took_s = time.monotonic() - began
        return answer

    def tail(self) -> str:
        """Give the last of what it printed."""
        return self._tail.decode("utf-8", "replace").strip()

    def peak_bytes(self) -> int:
        """Measure the most memory that the process has had until now, 0 where nobody says so."""
        try:
            status = Path(f"/proc/{self._process.pid}/status").read_text(encoding="utf-8")
        except OSError:
            return 0
        found = re.search(r"VmHWM:\s+(\d+) kB", status)
        return int(found[1]) * 1024 if found else 0

    def close(self) -> str | None:
        """Hang up; say what was wrong with how it ended, None if it left within three seconds."""
        with contextlib.suppress(OSError):
            os.close(self._write_fd)
        late = left = None
        if self._process.wait(_END_S) is None:
            late = f"The process was still there {_END_S:g} s after its pipe had ended."
        elif _group_lives(self._process.pid):
            left = "It left processes behind."
        self.kill()
        for thread in self._threads:
            thread.join(_END_S)
        with contextlib.suppress(OSError):
            os.close(self._read_fd)
        return late or left

    def kill(self) -> None:
        """End the process and whatever it started, now."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(_END_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _receive(self, deadline: float) -> FromChild:
        readable, _, _ = select.select([self._read_fd], [], [], max(0, deadline - time.monotonic()))
        if not readable:
            raise TimeoutError
        payload = frame_read(self._read_fd)
        if payload is None:
            raise ProtocolError("its pipe ended")
        return from_child_decode(payload)

    def _read_output(self, fd: int) -> None:
        while part := os.read(fd, 1 << 16):
            self.output_bytes += len(part)
            self._tail = (self._tail + part)[-_TAIL_BYTES:]
        os.close(fd)

    def _read_sightings(self) -> None:
        with os.fdopen(self._report_fd, encoding="utf-8") as lines:
            for line in lines:
                if line == "\n":
                    self._marks.release()
                else:
                    self.sightings.append(Sighting(**json.loads(line)))


def _group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
