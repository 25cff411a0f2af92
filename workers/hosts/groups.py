"""Control groups: the kernel's own count of a host's memory and processes, and its bounds."""

import itertools
import os
import re
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

_NAME = "modelmill-host-"
_BOUND_FILES = {
    ("memory", 1): "memory.limit_in_bytes",
    ("memory", 2): "memory.max",
    ("pids", 1): "pids.max",
    ("pids", 2): "pids.max",
}
_GONE_S = 1.0

_numbers = itertools.count(1)


@dataclass
class HostGroups:
    """The groups of one host, and what they bound; ``remove`` takes them away."""

    folders: list[Path] = field(default_factory=list)
    # By controller, "memory" or "pids": how it is bounded, such as "cgroup v1".
    bounds: dict[str, str] = field(default_factory=dict)
    why_not: str = ""

    @property
    def members(self) -> list[str]:
        """The files that a process writes itself into."""
        return [str(folder / "cgroup.procs") for folder in self.folders]

    def pids(self) -> set[int]:
        """Return the processes in the groups."""
        found: set[int] = set()
        for member in self.members:
            with suppress(OSError):
                found.update(int(line) for line in Path(member).read_text().split())
        return found

    def memory_bytes(self) -> int:
        """Return what the processes have in memory, without cached files; 0 if nobody counts."""
        for folder in self.folders:
            with suppress(OSError):
                lines = (folder / "memory.stat").read_text().splitlines()
                stat = {name: int(size) for name, size in (line.split() for line in lines)}
                return stat.get("anon", stat.get("rss", 0)) + stat.get("shmem", 0)
        return 0

    def ran_out(self) -> bool:
        """Say whether the kernel ended a process because the group was at its bound of memory.

        One that it ended because the whole machine was out of memory is not meant: the next time
        there may be more. Such an end is counted, but the group's own bound was not met.
        """
        for folder in self.folders:
            ended = _count(folder / "memory.events", "oom_kill")
            if ended and _count(folder / "memory.events", "oom"):
                return True
            ended = _count(folder / "memory.oom_control", "oom_kill")
            if ended and _count(folder / "memory.failcnt"):
                return True
        return False

    def remove(self) -> None:
        """Remove the groups; a moment is given to those who are just ending in them."""
        deadline = time.monotonic() + _GONE_S
        while True:
            self.folders = [folder for folder in self.folders if not _removed(folder)]
            if not self.folders or time.monotonic() > deadline:
                return
            time.sleep(0.01)


def groups_make(*, memory_bytes: int, processes: int, home: Path | None = None) -> HostGroups:
    """Make a host's groups below our own, or below ``home``, with these bounds, where we may."""
    groups = HostGroups()
    name = f"{_NAME}{os.getpid()}-{next(_numbers)}"
    homes = _homes(home)
    if not homes:
        groups.why_not = "no control groups are mounted"
    for controller, bound in (("memory", memory_bytes), ("pids", processes)):
        if not bound or controller not in homes:
            continue
        place, version = homes[controller]
        try:
            _leftovers_remove(place)
            folder = _made(place, name, controller, version=version, bound=bound)
        except OSError as error:
            groups.why_not = f"{place}: {error.strerror}"
            continue
        groups.bounds[controller] = f"cgroup v{version}"
        groups.folders = list(dict.fromkeys([*groups.folders, folder]))
    return groups


def _made(place: Path, name: str, controller: str, *, version: int, bound: int) -> Path:
    if version == 2:
        subtree = place / "cgroup.subtree_control"
        if controller not in subtree.read_text().split():
            # Refused where processes are in the group itself: name a delegated one by the setting.
            subtree.write_text(f"+{controller}")
    folder = place / name
    folder.mkdir(exist_ok=True)
    try:
        (folder / _BOUND_FILES[controller, version]).write_text(str(bound))
    except OSError:
        _removed(folder)
        raise
    return folder


def _homes(home: Path | None) -> dict[str, tuple[Path, int]]:
    """Find for each controller the group we are in, and the version of its hierarchy."""
    if home is not None:
        return dict.fromkeys(("memory", "pids"), (home, 2))
    ours = _ours()
    homes: dict[str, tuple[Path, int]] = {}
    for mount in psutil.disk_partitions(all=True):
        words = mount.opts.split(",")
        for controller in ("memory", "pids"):
            if mount.fstype == "cgroup" and controller in words and controller in ours:
                homes[controller] = (_below(mount.mountpoint, ours[controller]), 1)
            elif mount.fstype == "cgroup2" and "" in ours and controller not in homes:
                place = _below(mount.mountpoint, ours[""])
                with suppress(OSError):
                    if controller in (place / "cgroup.controllers").read_text().split():
                        homes[controller] = (place, 2)
    return homes


def _ours() -> dict[str, str]:
    """Map each controller to our group's path in its hierarchy; "" is the second version's."""
    found: dict[str, str] = {}
    with suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            found.update(dict.fromkeys(controllers.split(","), path))
    return found


def _below(mountpoint: str, path: str) -> Path:
    inner = Path(mountpoint, path.lstrip("/"))
    # In a container the path may be the host's, and the mount be our own group already.
    return inner if inner.is_dir() else Path(mountpoint)


def _count(file: Path, name: str = "") -> int:
    """Read a number by its name, or the one number there is; 0 where there is none."""
    with suppress(OSError):
        for line in file.read_text().splitlines():
            if line.split()[:-1] == name.split():
                return int(line.split()[-1])
    return 0


def _leftovers_remove(place: Path) -> None:
    """Remove the groups of workers that were killed before they could."""
    for folder in place.glob(f"{_NAME}*"):
        found = re.fullmatch(rf"{_NAME}(\d+)-\d+", folder.name)
        if found and not psutil.pid_exists(int(found[1])):
            _removed(folder)


def _removed(folder: Path) -> bool:
    try:
        folder.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True
