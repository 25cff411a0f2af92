"""The watch over what the kernel does not bound by itself: the scratch folder, and memory."""

import os
import stat
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from workers.hosts.errors import MemoryExcess
from workers.hosts.peaks import MemoryPeak
from workers.hosts.spec import MIB, HostSpec

_MAX_DEPTH = 100
_EVERY_S = 1.0


class HostWatch:
    """Looks at a host once a second, in a thread, and has it ended when it takes too much."""

    def __init__(
        self,
        spec: HostSpec,
        *,
        pids: Callable[[], set[int]],
        peak: MemoryPeak,
        bounds_memory: bool,
        end: Callable[[str, MemoryExcess | None], None],
    ) -> None:
        """Watch; with ``bounds_memory`` also its memory, where no control group does."""
        self._spec = spec
        self._pids = pids
        self._peak = peak
        self._bounds_memory = bounds_memory
        self._end = end
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="host-watch", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop watching."""
        self._is_over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._is_over.wait(_EVERY_S):
            reason, excess = self._disk_too_much(), None
            if not reason:
                reason, excess = self._memory_too_much()
            if reason:
                self._end(reason, excess)
                return

    def _disk_too_much(self) -> str:
        spec = self._spec
        size_bytes, files = folder_usage(spec.scratch_dir)
        size_bytes += deleted_bytes(self._pids(), spec.scratch_dir)
        if size_bytes > spec.max_scratch_bytes:
            return f"wrote more than {spec.max_scratch_bytes // MIB} MiB to its scratch folder"
        if files > spec.max_scratch_files:
            return f"made more than {spec.max_scratch_files} files in its scratch folder"
        return ""

    def _memory_too_much(self) -> tuple[str, MemoryExcess | None]:
        used_bytes, most_bytes = self._peak.look(), self._spec.max_memory_bytes
        if self._bounds_memory and used_bytes > most_bytes > 0:
            excess = MemoryExcess(used_bytes=used_bytes, most_bytes=most_bytes)
            return f"used more than {most_bytes // MIB} MiB of memory", excess
        return "", None


def folder_usage(folder: Path) -> tuple[int, int]:
    """Return the bytes on disk and the number of entries below a folder; no link is followed.

    Folders nested deeper than anybody needs count as more files than there may be.
    """
    size_bytes = files = 0
    left = [(str(folder), 0)]
    while left:
        place, depth = left.pop()
        if depth > _MAX_DEPTH:
            return size_bytes, sys.maxsize
        try:
            entries = list(os.scandir(place))
        except OSError:
            continue
        for entry in entries:
            files += 1
            with suppress(OSError):
                size_bytes += entry.stat(follow_symlinks=False).st_blocks * 512
                if entry.is_dir(follow_symlinks=False):
                    left.append((entry.path, depth + 1))
    return size_bytes, files


def deleted_bytes(pids: set[int], folder: Path) -> int:
    """Return the bytes of files on the folder's disk that have no name any more, but an opener."""
    held: dict[int, int] = {}
    try:
        disk = folder.stat().st_dev
    except OSError:
        return 0
    for pid in pids:
        with suppress(OSError):
            for fd in os.scandir(f"/proc/{pid}/fd"):
                with suppress(OSError):
                    found = fd.stat()
                    is_nameless = found.st_nlink == 0 and stat.S_ISREG(found.st_mode)
                    if is_nameless and found.st_dev == disk:
                        held[found.st_ino] = found.st_blocks * 512
    return sum(held.values())
