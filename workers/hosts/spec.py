"""What a host is started with."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypedDict

MIB = 1024**2
GIB = 1024**3

Level = Literal["L1", "L2"]


class Isolation(TypedDict, total=False):
    """The part of a ``HostSpec`` that the operator decides."""

    level: Level
    closed: tuple[Path, ...]
    max_memory_bytes: int
    max_scratch_bytes: int
    max_processes: int
    control_group: Path | None


@dataclass(frozen=True, kw_only=True)
class HostSpec:
    """Where a plugin's process works, and within which bounds.

    Every folder named in a later message lies in ``scratch_dir``, which alone the process writes
    to, or in one of ``readable``: the fences are put up once, before any message.
    """

    scratch_dir: Path
    readable: tuple[Path, ...] = ()
    # What nothing readable may contain, such as the platform's own data.
    closed: tuple[Path, ...] = ()
    # L2 is L1 inside bubblewrap.
    level: Level = "L1"
    threads: int = 1
    device: str = "cpu"
    # Each is used by a process of its own; more than one need L2, where they can meet.
    devices: int = 1
    # A plugin with its own virtual environment brings its own interpreter; None is the platform's.
    python: Path | None = None
    python_paths: tuple[Path, ...] = ()
    # Modules that a process which is forked into the host has imported; none: it starts afresh.
    warm_imports: tuple[str, ...] = ()
    max_file_bytes: int = 64 * GIB
    max_open_files: int = 4096
    # Threads count too.
    max_processes: int = 1024
    # Of all its processes, shared memory included; 0 is no bound.
    max_memory_bytes: int = 0
    # Everything in the scratch folder, and what it deleted but still holds open.
    max_scratch_bytes: int = 256 * GIB
    max_scratch_files: int = 1_000_000
    # A delegated control group, where our own has no room for others.
    control_group: Path | None = None
    # As root: let the process's user read folders that are closed to others.
    reads_closed: bool = False
    ready_timeout_s: float = 60.0
    send_timeout_s: float = 30.0
