"""What a watched process was seen to do: writes, connections, pickles, heavy imports.

Seen through Python's audit hooks (PEP 578). They show what Python code does; writes of compiled
libraries are found by comparing folders afterwards, and this is a kit for honest authors, no fence.
"""

import functools
import json
import os
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

Kind = Literal["write", "network", "pickle", "heavy", "work", "import"]

# What describing must not import: each takes a second or more, and some a GPU.
HEAVY = (
    "torch",
    "tensorflow",
    "jax",
    "transformers",
    "datasets",
    "pandas",
    "sklearn",
    "scipy",
    "diffusers",
    "accelerate",
    "peft",
)
# What takes long to import and may be imported before a fork.
LEARNABLE = (*HEAVY, "numpy", "pyarrow.parquet", "PIL.Image", "safetensors.torch", "tokenizers")

_MAX_SIGHTINGS = 200
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
# Of each event's arguments: where a path stands that will be changed, and where the descriptor of
# the folder that it is relative to, if there may be one.
_CHANGES: dict[str, tuple[tuple[int, int | None], ...]] = {
    "os.mkdir": ((0, 2),),
    "os.rename": ((0, 2), (1, 3)),
    "os.remove": ((0, 1),),
    "os.rmdir": ((0, 1),),
    "os.link": ((1, 3),),
    "os.symlink": ((1, 2),),
    "os.truncate": ((0, None),),
    "os.chmod": ((0, 2),),
    "os.chown": ((0, 3),),
    "os.utime": ((0, 3),),
}


class Watch:
    """Reports what this process does, once for each different thing, as lines of JSON."""

    def __init__(self, report_fd: int, *, writable: Sequence[Path]) -> None:
        """Report to a descriptor; writes below ``writable`` are nothing to report."""
        self._fd = report_fd
        self._writable = tuple(str(path.resolve()) + os.sep for path in writable)
        self._told: set[tuple[str, str]] = set()
        self._inside = threading.local()

    def begin(self) -> None:
        """Watch from now on; there is no end to it but the process's."""
        seers: dict[str, Callable[[tuple[Any, ...]], None]] = {"open": self._see_open}
        seers |= {
            event: functools.partial(self._see_change, places=places)
            for event, places in _CHANGES.items()
        }
        seers |= dict.fromkeys(("socket.connect", "socket.sendto"), self._see_connection)
        seers |= dict.fromkeys(("socket.getaddrinfo", "socket.gethostbyname"), self._see_look_up)
        seers["pickle.find_class"] = lambda args: self.tell("pickle", f"{args[0]}.{args[1]}")

        def hook(event: str, args: tuple[Any, ...]) -> None:
            see = seers.get(event)
            if see is None or getattr(self._inside, "seeing", False):
                return
            self._inside.seeing = True
            try:
                see(args)
            finally:
                self._inside.seeing = False

        sys.addaudithook(hook)

    def tell(self, kind: Kind, what: str) -> None:
        """Report one thing, if it is new."""
        if (kind, what) in self._told or len(self._told) >= _MAX_SIGHTINGS:
            return
        self._told.add((kind, what))
        line = json.dumps({"kind": kind, "what": what[:1_000]}) + "\n"
        os.write(self._fd, line.encode())

    def mark(self) -> None:
        """Say, with an empty line, that everything until now was told."""
        os.write(self._fd, b"\n")

    def _see_open(self, args: tuple[Any, ...]) -> None:
        path, _mode, flags = args
        if isinstance(flags, int) and flags & _WRITING:
            self._see_write(path)

    def _see_change(
        self, args: tuple[Any, ...], places: tuple[tuple[int, int | None], ...]
    ) -> None:
        for path, folder_fd in places:
            self._see_write(args[path], -1 if folder_fd is None else args[folder_fd])

    def _see_write(self, path: Any, folder_fd: int = -1) -> None:
        if isinstance(path, int):
            return
        folder = "" if folder_fd == -1 else str(Path(f"/proc/self/fd/{folder_fd}").readlink())
        where = os.path.realpath(os.path.join(folder, os.fsdecode(path)))  # noqa: PTH118
        if where.startswith(("/dev/", "/proc/")) or "__pycache__" in where:
            return
        if not (where + os.sep).startswith(self._writable):
            self.tell("write", where)

    def _see_connection(self, args: tuple[Any, ...]) -> None:
        # A Unix socket has a path for an address, and leads to nobody else's machine.
        if not isinstance(args[1], str | bytes):
            self._see_look_up(args[1:])

    def _see_look_up(self, args: tuple[Any, ...]) -> None:
        self.tell("network", str(args[0]))
        raise PermissionError(f"A plugin's process has no network: {args[0]!r} is out of reach.")
