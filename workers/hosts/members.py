"""The processes that belong to a host, wherever they went: to be ended to the last."""

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

from workers.hosts.groups import HostGroups

_ENDED_S = 10.0


class HostMembers:
    """Tells a host's processes by what they cannot shed: user, network and control group."""

    def __init__(self, *, uid: int | None, groups: HostGroups) -> None:
        """Know the host by its own user and its groups, where it has them."""
        self._uid = uid
        self._groups = groups
        self._network: int | None = None

    def network_note(self, pid: int) -> None:
        """Remember the network that a host left the machine's for, once it is ready."""
        network = _network(pid)
        if network is not None and network != _network(os.getpid()):
            self._network = network

    def pids(self) -> set[int]:
        """List every process of the host that has not ended."""
        found = self._groups.pids()
        if self._uid is None and self._network is None:
            return found
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and self._is_ours(int(entry.name)):
                found.add(int(entry.name))
        return {pid for pid in found if not _has_ended(pid)}

    def end_all(self) -> None:
        """Kill them all. First they are stopped: what is stopped starts nothing new."""
        deadline = time.monotonic() + _ENDED_S
        seen: set[int] = set()
        while (found := self.pids()) - seen and time.monotonic() < deadline:
            _signal(found - seen, signal.SIGSTOP)
            seen |= found
        while (found := self.pids()) and time.monotonic() < deadline:
            _signal(found, signal.SIGKILL)
            time.sleep(0.005)

    def _is_ours(self, pid: int) -> bool:
        if self._uid is not None:
            return _user(pid) == self._uid
        return _network(pid) == self._network


def _user(pid: int) -> int | None:
    # Not the owner of the folder in /proc: that is root's for a process that so wishes.
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("Uid:"):
                return int(line.split()[1])
    return None


def _network(pid: int) -> int | None:
    try:
        return Path(f"/proc/{pid}/ns/net").stat().st_ino
    except OSError:
        return None


def _has_ended(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return True
    return state in "ZX"


def _signal(pids: set[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)
