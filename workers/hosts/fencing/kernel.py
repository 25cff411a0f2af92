"""The kernel's doors that Python's standard library has no name for."""

import ctypes
import os
import platform

_LIBC = ctypes.CDLL(None, use_errno=True)
_MACHINE = platform.machine()

# Both machines count the newer calls alike; of the older ones each has its own number.
_NUMBERS = {
    "seccomp": {"x86_64": 317, "aarch64": 277},
    "capset": {"x86_64": 126, "aarch64": 91},
    "landlock_create_ruleset": {"x86_64": 444, "aarch64": 444},
    "landlock_add_rule": {"x86_64": 445, "aarch64": 445},
    "landlock_restrict_self": {"x86_64": 446, "aarch64": 446},
}

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_KEEPCAPS = 8
PR_CAPBSET_DROP = 24
PR_SET_SECUREBITS = 28
PR_SET_NO_NEW_PRIVS = 38
PR_CAP_AMBIENT = 47


def machine() -> str:
    """Name this processor's kind as the kernel does, such as "x86_64"."""
    return _MACHINE


def syscall(name: str, *arguments: object) -> int:
    """Make a system call. Raises OSError; ENOSYS where this machine's number is not known."""
    number = _NUMBERS[name].get(_MACHINE)
    if number is None:
        raise OSError(38, f"{name} has no known number on {_MACHINE}")
    return _checked(_LIBC.syscall(ctypes.c_long(number), *arguments), name)


def prctl(option: int, *arguments: int) -> int:
    """Change what the kernel lets this process do. Raises OSError."""
    four = (*arguments, 0, 0, 0, 0)[:4]
    return _checked(_LIBC.prctl(option, *(ctypes.c_ulong(one) for one in four)), "prctl")


def unshare(flags: int) -> None:
    """Leave namespaces for new ones. Raises OSError."""
    _checked(_LIBC.unshare(ctypes.c_int(flags)), "unshare")


def mount(source: str, target: str, kind: str, flags: int, options: str) -> None:
    """Mount a file system. Raises OSError."""
    words = [text.encode() for text in (source, target, kind)]
    done = _LIBC.mount(*words, ctypes.c_ulong(flags), options.encode())
    _checked(done, "mount")


def _checked(result: int, name: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
    return result
