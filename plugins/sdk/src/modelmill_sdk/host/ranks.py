"""The other processes of a training on several devices, set up as ``accelerate launch`` does it."""

import contextlib
import os
import select
import socket
import subprocess
import sys
import threading

from modelmill_sdk.errors import ProtocolError
from modelmill_sdk.framing import frame_pack, frame_read
from modelmill_sdk.protocol import (
    MAX_LOG_CHARS,
    Failed,
    Progress,
    TrainDone,
    TrainStart,
    from_child_decode,
    message_encode,
)
from modelmill_sdk.runs import Listener

# A process whose peer has failed fails as well, soon: by an error of the connection to it.
_SOON_S = 2.0
_LOOK_S = 0.5
_HERE = "127.0.0.1"


class RankFailed(Exception):
    """The process of another device failed; ``failed`` is what it told."""

    def __init__(self, failed: Failed) -> None:
        """Keep its message."""
        super().__init__(failed.message)
        self.failed = failed


class Ranks:
    """Starts a process for each device but the first, and ends them when the first is done.

    With one device there is no other process, and nothing is changed.
    """

    def __init__(self, start: TrainStart, *, world_size: int, listener: Listener) -> None:
        """Know the work; the processes that ``begin`` starts call ``train`` with it, too."""
        self._start, self._world_size, self._listener = start, world_size, listener
        self._is_over, self._has_failed = threading.Event(), threading.Event()
        self._lock = threading.Lock()
        self._failure: Failed | None = None
        self._left_early = ""
        self._peers: list[subprocess.Popen[bytes]] = []

    def begin(self) -> None:
        """Start the other processes, if there are any; ``close`` ends them, also half of them."""
        if self._world_size == 1:
            return
        port = _free_port()
        for rank in range(self._world_size):
            environment = rank_environment(
                rank, self._start, world_size=self._world_size, port=port
            )
            if rank == 0:
                os.environ.update(environment)
            else:
                self._begin(environment)

    def failure(self, *, wait_s: float = _SOON_S) -> Failed | None:
        """Tell what another process failed by, if one has, or does within moments."""
        if self._peers:
            self._has_failed.wait(wait_s)
        return self._failure

    def explained(self, failure: Failed) -> Failed:
        """Say before a failure which process had left the others by then, if one had."""
        # Memory that ran out, a refusal, or a signal is a reason of its own.
        if not self._left_early or failure.code != "plugin_error":
            return failure
        message = f"{self._left_early} Then: {failure.message}"[:MAX_LOG_CHARS]
        return failure.model_copy(update={"message": message})

    def close(self) -> None:
        """End the other processes, and forget that there were any; a second call does nothing."""
        if self._world_size == 1 or self._is_over.is_set():
            return
        with self._lock:
            self._is_over.set()
            self._failure, self._left_early = None, ""
        for peer in self._peers:
            peer.kill()
            peer.wait()
            assert peer.stdin is not None
            with contextlib.suppress(BrokenPipeError):
                peer.stdin.close()
        self._peers.clear()
        _leave_the_group()
        for name in rank_environment(0, self._start, world_size=self._world_size, port=0):
            os.environ.pop(name, None)

    def _begin(self, environment: dict[str, str]) -> None:
        read_fd, write_fd = os.pipe()
        try:
            peer = subprocess.Popen(
                [sys.executable, "-m", "modelmill_sdk.host.peer", str(write_fd)],
                stdin=subprocess.PIPE,
                env={**os.environ, **environment},
                pass_fds=(write_fd,),
            )
        except BaseException:
            os.close(read_fd)
            raise
        finally:
            os.close(write_fd)
        self._peers.append(peer)
        rank = environment["RANK"]
        threading.Thread(
            target=self._watch, args=(peer, read_fd, rank), name=f"rank-{rank}", daemon=True
        ).start()
        assert peer.stdin is not None
        # One that is dead by now is told of by whoever watches it.
        with contextlib.suppress(BrokenPipeError):
            # Left open: its end tells the process that this one is gone.
            peer.stdin.write(frame_pack(message_encode(self._start)))
            peer.stdin.flush()

    def _watch(self, peer: subprocess.Popen[bytes], read_fd: int, rank: str) -> None:
        """Wait for a process's end; one that failed ends the training, if nothing else does."""
        told = _told(read_fd, peer)
        if isinstance(told, TrainDone):
            return
        if isinstance(told, Progress):
            self._note_early(rank, told)
            return
        failure = self.explained(told or _death(rank, peer.wait()))
        with self._lock:
            # The first that fails is the reason: others then fail by its broken connection.
            if self._is_over.is_set() or self._failure is not None:
                return
            self._failure = failure
        self._has_failed.set()
        # The first process may wait for the other's gradient for as long as days.
        if not self._is_over.wait(2 * _SOON_S):
            try:
                self._listener.tell(failure)
            finally:
                os._exit(1)

    def _note_early(self, rank: str, told: Progress) -> None:
        """Keep who returned too early: no failure, but the reason of what then fails."""
        with self._lock:
            if not self._is_over.is_set():
                self._left_early = self._left_early or (
                    f"The process with rank {rank} returned from train at its step {told.step} "
                    f"of {told.total} while rank 0 went on."
                )


def rank_environment(rank: int, start: TrainStart, *, world_size: int, port: int) -> dict[str, str]:
    """Compose what ``torch.distributed`` and accelerate read of a process's place.

    Source: docs.pytorch.org, "torchrun (Elastic Launch)", section "Environment Variables".
    """
    environment = {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(world_size),
        "LOCAL_WORLD_SIZE": str(world_size),
        "MASTER_ADDR": _HERE,
        "MASTER_PORT": str(port),
        # There is no other network behind the fences, and no name for this machine.
        "GLOO_SOCKET_IFNAME": "lo",
        "NCCL_SOCKET_IFNAME": "lo",
    }
    return environment | ({"ACCELERATE_USE_CPU": "true"} if start.device == "cpu" else {})


def _told(fd: int, peer: subprocess.Popen[bytes]) -> Failed | Progress | TrainDone | None:
    """Wait for what a process says at its end; None if it ended and said nothing.

    Not for the end of the pipe: what it forked may hold that open for longer.
    """
    with os.fdopen(fd, "rb") as pipe:
        has_ended = False
        while not select.select([pipe], [], [], 0 if has_ended else _LOOK_S)[0]:
            # Its last words may have come between the two looks: once more.
            if has_ended:
                return None
            has_ended = peer.poll() is not None
        try:
            payload = frame_read(pipe.fileno())
            message = None if payload is None else from_child_decode(payload)
        except ProtocolError:
            return None
    return message if isinstance(message, Failed | Progress | TrainDone) else None


def _death(rank: str, code: int) -> Failed:
    by = f"signal {-code}" if code < 0 else f"exit status {code}"
    # A signal is no fault of the plugin's words: as with one device, it may be tried again.
    return Failed(
        code="plugin_crashed" if code < 0 else "plugin_error",
        message=f"The process with rank {rank} ended by {by}.",
    )


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as one:
        one.bind((_HERE, 0))
        return int(one.getsockname()[1])


def _leave_the_group() -> None:
    """Leave it, as far as libraries have joined one: a later collective call would hang.

    Not waiting for it: some backends take leave of the others, who are gone.
    """
    distributed = sys.modules.get("torch.distributed")
    if distributed is not None and distributed.is_available() and distributed.is_initialized():

        def leave() -> None:
            with contextlib.suppress(Exception):
                distributed.destroy_process_group()

        leaving = threading.Thread(target=leave, name="leave-the-group", daemon=True)
        leaving.start()
        leaving.join(_SOON_S)
    if "accelerate.state" in sys.modules:
        state = sys.modules["accelerate.state"]
        state.AcceleratorState._reset_state(reset_partial_state=True)
