"""Privileges: the process's user, and that it has no power beyond it."""

import ctypes
import os
from pathlib import Path

from . import kernel

_DAC_READ_SEARCH, _SETPCAP = 2, 8
_VERSION_3 = 0x20080522
_RAISE, _CLEAR_ALL = 2, 4
# securebits(7): root gets no capabilities by being root, nor keeps any; each locked.
_NO_ROOT = 0b1111
_NO_RAISE_LOCKED = 0b11000000
_KEEP_CAPS_LOCKED = 0b100000


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Sets(ctypes.Structure):
    _fields_ = (
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    )


def user_become(uid: int) -> None:
    """Become another user, in its own group alone, keeping the capabilities for now."""
    kernel.prctl(kernel.PR_SET_KEEPCAPS, 1)
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    # Leaving root put them to sleep; what is still to be done needs them awake.
    _capset(_held(), inheritable=0)
    # Changing user made /proc/self root's; nobody but this user's own processes may look.
    kernel.prctl(kernel.PR_SET_DUMPABLE, 1)


def capabilities_drop(*, keeps_reading: bool) -> None:
    """Give up every capability, also for whatever is started later.

    ``keeps_reading`` leaves the one that reads closed folders: for an interpreter in a folder
    closed to others. Where such a process may read is then up to Landlock alone.
    """
    kept = 1 << _DAC_READ_SEARCH if keeps_reading else 0
    if not _held():
        return
    every = (1 << (_last() + 1)) - 1
    _capset(every & _held(), inheritable=kept)
    if _held() & 1 << _SETPCAP:
        for number in range(_last() + 1):
            if not kept >> number & 1:
                kernel.prctl(kernel.PR_CAPBSET_DROP, number)
    if keeps_reading:
        kernel.prctl(kernel.PR_CAP_AMBIENT, _RAISE, _DAC_READ_SEARCH)
    else:
        kernel.prctl(kernel.PR_CAP_AMBIENT, _CLEAR_ALL)
    if _held() & 1 << _SETPCAP:
        kernel.prctl(kernel.PR_SET_SECUREBITS, _NO_ROOT | _KEEP_CAPS_LOCKED | _NO_RAISE_LOCKED)
    _capset(kept, inheritable=kept)


def _held() -> int:
    """Return the permitted capabilities, as bits."""
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("CapPrm:"):
            return int(line.split()[1], 16)
    return 0


def _last() -> int:
    return int(Path("/proc/sys/kernel/cap_last_cap").read_text(encoding="utf-8"))


def _capset(capabilities: int, *, inheritable: int) -> None:
    halves = (_Sets * 2)()
    for place, shift in enumerate((0, 32)):
        part = capabilities >> shift & 0xFFFFFFFF
        halves[place] = _Sets(part, part, inheritable >> shift & 0xFFFFFFFF)
    header = _Header(_VERSION_3, 0)
    kernel.syscall("capset", ctypes.byref(header), ctypes.byref(halves))
