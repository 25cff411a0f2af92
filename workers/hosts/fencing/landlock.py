"""Landlock: the process reads and writes below named folders, and nowhere else.

Every right is handled that the kernel's version of it knows, so whatever no rule allows is refused:
also TCP, other processes' abstract sockets, and signals to processes outside.
"""

import ctypes
import os
import stat
from collections.abc import Iterable

from . import kernel

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_MAKE_CHAR, _MAKE_BLOCK = 1 << 6, 1 << 11
_TRUNCATE, _IOCTL_DEV = 1 << 14, 1 << 15
# How many file rights each version knows: 13 in the first, then REFER, TRUNCATE and IOCTL_DEV.
_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15}
_FILE_RIGHTS_NEWEST = 16
_TCP_FROM, _TCP_RIGHTS = 4, 0b11
_SCOPES_FROM, _SCOPES = 6, 0b11
_ONE_FILE = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV

_READ = _EXECUTE | _READ_FILE | _READ_DIR
_USE = _WRITE_FILE | _READ_FILE | _READ_DIR | _IOCTL_DEV
_CHANGE = _WRITE_FILE | _READ_FILE | _READ_DIR | _TRUNCATE
_PATH_BENEATH = 1


class _Ruleset(ctypes.Structure):
    _fields_ = (
        ("handled_access_fs", ctypes.c_uint64),
        ("handled_access_net", ctypes.c_uint64),
        ("scoped", ctypes.c_uint64),
    )


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed_access", ctypes.c_uint64), ("parent_fd", ctypes.c_int32))


def version() -> int:
    """Return the kernel's version of Landlock, at least 1. Raises OSError where it has none."""
    return kernel.syscall("landlock_create_ruleset", None, ctypes.c_size_t(0), ctypes.c_uint32(1))


def scopes_signals(abi: int) -> bool:
    """Say whether that version keeps signals and abstract sockets inside."""
    return abi >= _SCOPES_FROM


def enforce(
    abi: int,
    *,
    read: Iterable[str],
    write: Iterable[str],
    devices: Iterable[str],
    changed: Iterable[str] = (),
    meets: bool = False,
) -> None:
    """Confine this thread, and all it starts, for good; places that do not exist are left out.

    ``changed`` are folders whose files may be written to, and nothing made in them. ``meets``: it
    has a network of its own, where its processes connect to each other. Needs no_new_privs. Raises
    OSError.
    """
    known = (1 << _FILE_RIGHTS.get(abi, _FILE_RIGHTS_NEWEST)) - 1
    attributes = _Ruleset(
        handled_access_fs=known,
        handled_access_net=_TCP_RIGHTS if abi >= _TCP_FROM and not meets else 0,
        scoped=_SCOPES if abi >= _SCOPES_FROM else 0,
    )
    size = 24 if abi >= _SCOPES_FROM else 16 if abi >= _TCP_FROM else 8
    ruleset = kernel.syscall(
        "landlock_create_ruleset",
        ctypes.byref(attributes),
        ctypes.c_size_t(size),
        ctypes.c_uint32(0),
    )
    try:
        everything = known & ~(_MAKE_CHAR | _MAKE_BLOCK)
        kinds = ((read, _READ), (write, everything), (devices, _USE), (changed, _CHANGE))
        for places, rights in kinds:
            for place in places:
                _allow(ruleset, place, rights & known)
        kernel.syscall("landlock_restrict_self", ctypes.c_int(ruleset), ctypes.c_uint32(0))
    finally:
        os.close(ruleset)


def _allow(ruleset: int, place: str, rights: int) -> None:
    try:
        fd = os.open(place, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(fd).st_mode):
            rights &= _ONE_FILE
        rule = _PathBeneath(allowed_access=rights, parent_fd=fd)
        kernel.syscall(
            "landlock_add_rule",
            ctypes.c_int(ruleset),
            ctypes.c_int(_PATH_BENEATH),
            ctypes.byref(rule),
            ctypes.c_uint32(0),
        )
    finally:
        os.close(fd)
