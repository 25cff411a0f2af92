"""The process that forks watched ones: ``python -m modelmill_sdk.conformance.nursery FD``."""

import importlib
import json
import os
import socket
import sys
import time
from typing import Any

from modelmill_sdk.conformance.watched import WatchSettings, watch_serve

_POLL_S = 0.01


def main() -> None:
    """Answer one packet after another, until the other end is gone."""
    with socket.socket(fileno=int(sys.argv[1])) as talk:
        talk.set_inheritable(False)
        while True:
            said, fds, _, _ = socket.recv_fds(talk, 1 << 16, 4)
            if not said:
                return
            talk.send(json.dumps(_answer(json.loads(said), fds, talk)).encode())


def _answer(words: dict[str, Any], fds: list[int], talk: socket.socket) -> Any:
    if "start" in words:
        return _start(WatchSettings.decode(words["start"]), fds, talk)
    if "learn" in words:
        return _learn(words["learn"])
    return _wait(words["wait"], words["timeout_s"])


def _start(settings: WatchSettings, fds: list[int], talk: socket.socket) -> int:
    pid = os.fork()
    if pid == 0:
        talk.close()
        os.setsid()
        for fd in (1, 2):
            os.dup2(fds[3], fd)
        os.close(fds[3])
        _reseed()
        try:
            watch_serve(settings, *fds[:3])
        finally:
            os._exit(1)
    for fd in fds:
        os.close(fd)
    return pid


def _learn(modules: list[str]) -> list[str]:
    learnt = []
    for name in modules:
        try:
            importlib.import_module(name)
            learnt.append(name)
        except ImportError:
            continue
    return learnt


def _wait(pid: int, timeout_s: float) -> int | None:
    deadline = time.monotonic() + timeout_s
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() >= deadline:
            return None
        time.sleep(_POLL_S)


def _reseed() -> None:
    """Give each process its own dice; Python does so itself after a fork."""
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed()
    if "torch" in sys.modules:
        sys.modules["torch"].seed()


if __name__ == "__main__":
    main()
