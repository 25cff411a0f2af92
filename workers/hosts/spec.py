"""What a host is started with."""

from dataclasses import dataclass
from pathlib import Path

GIB = 1024**3


@dataclass(frozen=True, kw_only=True)
class HostSpec:
    """Where a plugin's process works, and within which bounds.

    Every folder named in a later message lies in ``scratch_dir``, or is readable by everyone: with
    root's help the process runs as a user of its own, who can read little else.
    """

    scratch_dir: Path
    threads: int = 1
    device: str = "cpu"
    # A plugin with its own virtual environment brings its own interpreter; None is the platform's.
    python: Path | None = None
    python_paths: tuple[Path, ...] = ()
    max_file_bytes: int = 64 * GIB
    max_open_files: int = 4096
    # Threads count too; enforced only for a host with a user of its own.
    max_processes: int = 4096
    drop_user: bool = True
    ready_timeout_s: float = 60.0
    send_timeout_s: float = 30.0
