"""One plugin's process: started, spoken to, and ended for certain."""

import contextlib
import logging
import os
import signal
import threading
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil
from modelmill_sdk.errors import ProtocolError
from modelmill_sdk.framing import frame_read
from modelmill_sdk.protocol import (
    PROTOCOL,
    FromChild,
    Ready,
    ToChild,
    from_child_decode,
    message_encode,
)

from workers.hosts.environment import python_paths
from workers.hosts.errors import HostDied, MemoryExcess
from workers.hosts.fences import Fences, fences_complete, fences_note, fences_read
from workers.hosts.folders import folders_read, folders_written, path_check
from workers.hosts.groups import groups_make
from workers.hosts.identity import identity_choose
from workers.hosts.inbox import Inbox, InboxClosed
from workers.hosts.members import HostMembers
from workers.hosts.output import OutputTail
from workers.hosts.peaks import MemoryPeak
from workers.hosts.pipe import FramePipe, SendTimeout
from workers.hosts.spec import HostSpec
from workers.hosts.starting import LAUNCHER, process_start
from workers.hosts.watching import HostWatch

logger = logging.getLogger(__name__)

_GRACE_S = 2.0
_DEATH_S = 0.2
_BY_SIGNAL = 128


class HostProcess:
    """A plugin's process and our ends of its pipes. A context manager: leaving it ends the process.

    Any thread may send, and any may kill; one thread at a time receives.
    """

    @classmethod
    def start(cls, spec: HostSpec) -> Self:
        """Start a process and wait until it is ready for work.

        Raises HostDied if it does not become ready, or speaks another protocol.
        """
        host = cls(spec)
        try:
            host._greet()
        except HostDied as death:
            host.close()
            if host._identity.uid is None or host._identity.keeps_reading:
                raise
            # No plugin code has run yet: what failed is the user's access to the interpreter.
            logger.warning("Plugins may read closed folders: %s\n%s", death, death.stderr_tail)
            return cls.start(replace(spec, reads_closed=True))
        except BaseException:
            host.close()
            raise
        return host

    def __init__(self, spec: HostSpec) -> None:
        """Start the process without waiting for it; ``start`` is the way in."""
        spec.scratch_dir.mkdir(parents=True, exist_ok=True)
        self.spec = spec = replace(spec, scratch_dir=spec.scratch_dir.resolve())
        needed = (LAUNCHER, *python_paths(spec))
        self._identity = identity_choose(spec, needed=needed)
        self._identity.own(spec.scratch_dir)
        spec.scratch_dir.chmod(0o700)
        self._identity.own(spec.scratch_dir / "tmp")
        self._roots = frozenset({spec.scratch_dir})
        self._reason = ""
        self._excess: MemoryExcess | None = None
        self._reaped = threading.Event()
        self._kill_lock = threading.Lock()
        self._inbox = Inbox()
        self._watch: HostWatch | None = None
        self._groups = groups_make(
            memory_bytes=spec.max_memory_bytes,
            processes=spec.max_processes,
            home=spec.control_group,
        )
        self._members = HostMembers(uid=self._identity.uid, groups=self._groups)
        self._peak = MemoryPeak(now_bytes=self._now_bytes, pids=self._pids)
        self.fences: Fences = {}
        self.stops: frozenset[str] = frozenset()
        try:
            started = process_start(spec, self._identity, self._groups)
        except BaseException:
            self._groups.remove()
            raise
        self._report_fd = started.report_fd
        self._child = started.child
        self._is_forked = started.is_forked
        self._pipe = FramePipe(started.write_fd)
        self._output = OutputTail(started.output_fd)
        self._reader = threading.Thread(
            target=self._read_all, args=(started.read_fd,), name="host-reader", daemon=True
        )
        self._reader.start()
        self._waiter = threading.Thread(target=self._wait, name="host-waiter", daemon=True)
        self._waiter.start()

    @property
    def pid(self) -> int:
        """The process's number, which is also its group's."""
        return self._child.pid

    @property
    def is_alive(self) -> bool:
        """Whether the process has not ended yet."""
        return self._waiter.is_alive()

    @property
    def excess(self) -> MemoryExcess | None:
        """What it took of memory, once it, or a process it started, was ended for that."""
        if self._excess is None and self._groups.ran_out():
            # The kernel lets nobody have more than the bound.
            most_bytes = self.spec.max_memory_bytes
            self._excess = MemoryExcess(used_bytes=most_bytes, most_bytes=most_bytes)
        return self._excess

    def send(self, message: ToChild) -> None:
        """Send one message; the folders it writes to are made, and handed to the process's user.

        Raises HostDied if the process is gone or does not read, PermissionError if it cannot read
        a folder the message names, and ProtocolError if the message is too long.
        """
        for folder in folders_written(message):
            self._identity.own(folder)
            # Not resolved again: by now it may be a link of the plugin's to somewhere else.
            self._roots |= {folder}
        for folder in folders_read(message):
            if folder.resolve().is_relative_to(self.spec.scratch_dir):
                self._identity.own(folder)
            elif not self._is_given(folder) or not self._identity.can_read(folder):
                raise PermissionError(
                    f"{folder} must be in the scratch folder, or be named when the host is "
                    "started and readable by all."
                )
        try:
            self._pipe.write(message_encode(message), timeout_s=self.spec.send_timeout_s)
        except BrokenPipeError:
            raise self._death() from None
        except SendTimeout:
            self._end(f"did not read its pipe for {self.spec.send_timeout_s:g} s")
            raise self._death() from None

    def receive(self, timeout_s: float | None = None) -> FromChild | None:
        """Take the next message; None if none came in time.

        Raises HostDied once the process has ended and every message of it was received.
        """
        try:
            return self._inbox.get(timeout_s=timeout_s)
        except InboxClosed:
            raise self._death() from None

    def rss_bytes(self) -> int:
        """Measure the resident memory of all the host's processes, 0 if they are gone."""
        return self._rss_bytes(self._pids())

    def peak_bytes(self, *, is_last: bool = False) -> int:
        """Return the most memory it was seen to have; ``is_last`` looks once more.

        Never more than its bound: what is over that are libraries which others have loaded, too.
        """
        if is_last:
            self._peak.look()
        return min(self._peak.bytes, self.spec.max_memory_bytes or self._peak.bytes)

    def _pids(self) -> set[int]:
        pids = self._members.pids() | {self.pid}
        with contextlib.suppress(psutil.Error):
            pids |= {child.pid for child in psutil.Process(self.pid).children(recursive=True)}
        return pids

    def _now_bytes(self, pids: set[int]) -> int:
        is_counted = "memory" in self._groups.bounds
        return self._groups.memory_bytes() if is_counted else self._rss_bytes(pids)

    def _rss_bytes(self, pids: set[int]) -> int:
        size_bytes = 0
        for pid in pids:
            # One that ends meanwhile must not hide the others.
            with contextlib.suppress(psutil.Error):
                size_bytes += self._memory_bytes(pid)
        return size_bytes

    def _memory_bytes(self, pid: int) -> int:
        # A fork's libraries are its parent's pages: counted whole in each host, a few would seem to
        # fill the machine. So each counts its share.
        if self._is_forked:
            with contextlib.suppress(OSError):
                for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                    if line.startswith("Pss:"):
                        return int(line.split()[1]) * 1024
        return int(psutil.Process(pid).memory_info().rss)

    def output_tail(self) -> str:
        """Give the last of what the process printed, for the operator."""
        return self._output.text()

    def kill(self) -> None:
        """End the process and all it started now; a second call does nothing."""
        self._kill_now()
        self._waiter.join(_GRACE_S)

    def close(self) -> None:
        """End the process: politely, by closing its pipe, and two seconds later by force."""
        self._pipe.close()
        # Not for more messages: a reader that waits for room must go on to the stream's end.
        self._inbox.close()
        self._waiter.join(_GRACE_S)
        self.kill()
        self._reader.join(_GRACE_S)
        if self._watch is not None:
            self._watch.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _is_given(self, folder: Path) -> bool:
        given = (path.resolve() for path in self.spec.readable)
        return any(folder.resolve().is_relative_to(path) for path in given)

    def _greet(self) -> None:
        try:
            told = fences_read(self._report_fd, timeout_s=self.spec.ready_timeout_s)
        finally:
            os.close(self._report_fd)
        self.fences = told and fences_complete(told, self.spec, self._groups)
        self._members.network_note(self.pid)
        ready = self.receive(self.spec.ready_timeout_s)
        if not isinstance(ready, Ready) or ready.protocol != PROTOCOL:
            said = "nothing" if ready is None else f"protocol {getattr(ready, 'protocol', '?')}"
            self._end(f"said {said} instead of protocol {PROTOCOL}")
            raise self._death()
        self.stops = frozenset(ready.stops)
        fences_note(self.spec.level, self.fences)
        self._watch = HostWatch(
            self.spec,
            pids=self._members.pids,
            peak=self._peak,
            bounds_memory="memory" not in self._groups.bounds,
            end=self._end,
        )

    def _end(self, reason: str, excess: MemoryExcess | None = None) -> None:
        """Kill the process for a reason that HostDied will give."""
        if not self._reason:
            self._reason, self._excess = reason, excess
        self._kill_now()

    def _kill_now(self) -> None:
        with self._kill_lock:
            if not self._reaped.is_set():
                _group_kill(self.pid)

    def _death(self) -> HostDied:
        self._waiter.join(_GRACE_S)
        return HostDied(
            exit_code=self._exit_code(),
            stderr_tail=self._output.text(wait_s=_GRACE_S),
            reason=self._reason,
            excess=self.excess,
        )

    def _exit_code(self) -> int | None:
        code = self._child.returncode
        # Bubblewrap says how the process inside ended as a shell does.
        if self.spec.level == "L2" and code is not None and code > _BY_SIGNAL:
            return _BY_SIGNAL - code
        return code

    def _read_all(self, fd: int) -> None:
        try:
            while (payload := frame_read(fd)) is not None:
                message = from_child_decode(payload)
                path_check(message, roots=self._roots)
                if not self._inbox.put(message, size_bytes=len(payload)):
                    break
        except (ProtocolError, OSError) as error:
            # A death in the middle of a frame is a death, and no breach of the protocol.
            if not self._reaped.wait(_DEATH_S):
                self._end(f"broke the protocol: {error}")
        finally:
            os.close(fd)
            self._inbox.close()

    def _wait(self) -> None:
        # Seen dead but not yet reaped, its number is nobody else's: the time to kill its group.
        self._child.await_end()
        # Asked while there is a group to ask.
        _ = self.excess
        with self._kill_lock:
            _group_kill(self.pid)
            self._child.reap()
            self._reaped.set()
        self._members.end_all()
        self._groups.remove()
        # Something that left the group may still hold the pipe; it gets no more time to speak.
        self._reader.join(_GRACE_S)
        self._inbox.close()


def _group_kill(group: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)
