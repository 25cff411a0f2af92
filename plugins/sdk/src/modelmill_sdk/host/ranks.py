"""The other processes of a training on several devices, set up as ``accelerate launch`` does it."""

import os
import socket
import subprocess
import sys
import threading
from types import TracebackType
from typing import Self

from modelmill_sdk.errors import ProtocolError
from modelmill_sdk.framing import frame_pack, frame_read
from modelmill_sdk.protocol import Failed, TrainStart, from_child_decode, message_encode
from modelmill_sdk.runs import Listener

# A process whose peer has failed fails as well, soon: by an error of the connection to it.
_SOON_S = 2.0
_HERE = "127.0.0.1"


class RankFailed(Exception):
    """The process of another device failed; ``failed`` is what it told."""

    def __init__(self, failed: Failed) -> None:
        """Keep its message."""
        super().__init__(failed.message)
        self.failed = failed


class Ranks:
    """Starts a process for each device but the first, and ends them when the first is done.

    A context manager. With one device there is no other process, and nothing is changed.
    """

    def __init__(self, start: TrainStart, *, world_size: int, listener: Listener) -> None:
        """Start them; each calls the plugin's ``train`` with the same work."""
        self._listener = listener
        self._is_over, self._has_failed = threading.Event(), threading.Event()
        self._failure: Failed | None = None
        self._environment: dict[str, str] = {}
        self._peers: list[subprocess.Popen[bytes]] = []
        if world_size == 1:
            return
        port = _free_port()
        # Some libraries read it in this process, too.
        self._environment = rank_environment(0, start, world_size=world_size, port=port)
        os.environ.update(self._environment)
        for rank in range(1, world_size):
            environment = rank_environment(rank, start, world_size=world_size, port=port)
            self._begin(start, environment=environment)

    def failure(self) -> Failed | None:
        """Tell what another process failed by, if one has, or does within moments."""
        if self._peers:
            self._has_failed.wait(_SOON_S)
        return self._failure

    def close(self) -> None:
        """End the other processes, and forget that there were any."""
        self._is_over.set()
        for peer in self._peers:
            peer.kill()
            peer.wait()
            if peer.stdin is not None:
                peer.stdin.close()
        self._peers.clear()
        for name in self._environment:
            os.environ.pop(name, None)
        _alone_again()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _begin(self, start: TrainStart, *, environment: dict[str, str]) -> None:
        read_fd, write_fd = os.pipe()
        peer = subprocess.Popen(
            [sys.executable, "-m", "modelmill_sdk.host.peer", str(write_fd)],
            stdin=subprocess.PIPE,
            env={**os.environ, **environment},
            pass_fds=(write_fd,),
        )
        os.close(write_fd)
        self._peers.append(peer)
        assert peer.stdin is not None
        # Left open: its end tells the process that this one is gone.
        peer.stdin.write(frame_pack(message_encode(start)))
        peer.stdin.flush()
        rank = environment["RANK"]
        threading.Thread(
            target=self._watch, args=(peer, read_fd, rank), name=f"rank-{rank}", daemon=True
        ).start()

    def _watch(self, peer: subprocess.Popen[bytes], read_fd: int, rank: str) -> None:
        """Wait for a process's end; one that failed ends the training, if nothing else does."""
        failure = _told(read_fd)
        code = peer.wait()
        if code == 0 or self._is_over.is_set():
            return
        by = f"signal {-code}" if code < 0 else f"exit status {code}"
        message = f"The process with rank {rank} ended by {by}."
        self._failure = failure or Failed(code="plugin_error", message=message)
        self._has_failed.set()
        # The first may wait for the other's gradient for as long as half an hour.
        if not self._is_over.wait(2 * _SOON_S):
            self._listener.tell(self._failure)
            os._exit(1)


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


def _told(fd: int) -> Failed | None:
    """Read what a process says of its failure, to its end; None if it says nothing."""
    with os.fdopen(fd, "rb") as pipe:
        try:
            payload = frame_read(pipe.fileno())
            message = None if payload is None else from_child_decode(payload)
        except ProtocolError:
            return None
    return message if isinstance(message, Failed) else None


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as one:
        one.bind((_HERE, 0))
        return int(one.getsockname()[1])


def _alone_again() -> None:
    """Leave the group, as far as libraries have joined one: a later collective call would hang."""
    distributed = sys.modules.get("torch.distributed")
    if distributed is not None and distributed.is_available() and distributed.is_initialized():
        distributed.destroy_process_group()
    if "accelerate.state" in sys.modules:
        state = sys.modules["accelerate.state"]
        state.AcceleratorState._reset_state(reset_partial_state=True)
