"""Namespaces: a network without a way out, and shared memory of one's own."""

import os
from pathlib import Path

from . import kernel

_MOUNTS, _NAMES, _IPC, _USERS, _NETWORK = 0x20000, 0x4000000, 0x8000000, 0x10000000, 0x40000000
_PRIVATE_ALL = 0x40000 | 0x4000
_NO_SUID_DEV_EXEC = 0b1110

SHARED_MEMORY = "/dev/shm"  # noqa: S108 - the place where POSIX puts it


def leave() -> None:
    """Leave the machine's network, mounts, names and message queues; root may. Raises OSError."""
    kernel.unshare(_MOUNTS | _NAMES | _IPC | _NETWORK)


def leave_as_user() -> None:
    """Do the same by a user namespace, in which one's own number stays. Raises OSError."""
    uid, gid = os.geteuid(), os.getegid()
    kernel.unshare(_USERS | _MOUNTS | _NAMES | _IPC | _NETWORK)
    for name, line in (
        ("setgroups", "deny"),
        ("uid_map", f"{uid} {uid} 1"),
        ("gid_map", f"{gid} {gid} 1"),
    ):
        Path("/proc/self", name).write_text(line, encoding="utf-8")


def shared_memory_own(size_bytes: int) -> None:
    """Mount shared memory of one's own, at most that large. Raises OSError."""
    kernel.mount("none", "/", "", _PRIVATE_ALL, "")
    options = f"mode=1777,size={size_bytes}"
    kernel.mount("tmpfs", SHARED_MEMORY, "tmpfs", _NO_SUID_DEV_EXEC, options)
