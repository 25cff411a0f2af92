"""System calls that would change the machine. Each is harmless where it succeeds: it is told."""

import ctypes
import os
import platform
from typing import Any

Targets = dict[str, Any]

_LIBC = ctypes.CDLL(None, use_errno=True)
_IS_ARM = platform.machine() == "aarch64"


def change_the_root(targets: Targets) -> str:
    os.chroot(targets["out_dir"])
    return "changed"


def mount_a_file_system(targets: Targets) -> str:
    return _call(165, 40, b"none", targets["out_dir"].encode(), b"tmpfs", 0, 0)


def mount_by_the_new_calls(targets: Targets) -> str:
    return _call(430, 430, b"tmpfs", 0)


def new_user_namespace(targets: Targets) -> str:
    return _call(272, 97, 0x10000000)


def new_user_namespace_by_clone(targets: Targets) -> str:
    child = _LIBC.syscall(220 if _IS_ARM else 56, 0x10000000 | 17, 0, 0, 0, 0)
    if child == 0:
        os._exit(0)
    if child < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    os.waitpid(child, 0)
    return "cloned"


def load_a_kernel_module(targets: Targets) -> str:
    return _call(175, 105, b"", 0, b"")


def load_a_kernel_program(targets: Targets) -> str:
    attributes = (ctypes.c_char * 128)()
    # A map of one 4-byte key and value.
    attributes[0:16] = b"\x02\0\0\0\x04\0\0\0\x04\0\0\0\x01\0\0\0"
    return _call(321, 280, 0, attributes, 128)


def ring_of_the_kernels(targets: Targets) -> str:
    return _call(425, 425, 4, (ctypes.c_char * 120)())


def faults_of_memory(targets: Targets) -> str:
    return _call(323, 282, 1)


def count_everybodys_events(targets: Targets) -> str:
    attributes = (ctypes.c_char * 128)()
    attributes[4] = 128
    return _call(298, 241, attributes, -1, 0, -1, 0)


def keys_of_the_kernels(targets: Targets) -> str:
    return _call(250, 219, 0, -3, 1)


def another_kernel(targets: Targets) -> str:
    return _call(246, 104, 0, 0, 0, 0)


def restart_the_machine(targets: Targets) -> str:
    """Ask for Ctrl-Alt-Del to do nothing, which needs the same power as restarting."""
    return _call(169, 142, 0xFEE1DEAD, 672274793, 0, 0)


def open_by_number(targets: Targets) -> str:
    """The known way out of a container for whoever may read everything."""
    handle = (ctypes.c_char * 24)()
    handle[0] = 8
    handle[4] = 1
    handle[8] = 2
    root = os.open("/", os.O_RDONLY | os.O_PATH)
    return _call(304, 265, root, handle, 0)


def set_the_clock(targets: Targets) -> str:
    return _call(227, 112, 0, (ctypes.c_char * 16)())


def name_the_machine(targets: Targets) -> str:
    return _call(170, 161, b"plugin", 6)


def another_machines_personality(targets: Targets) -> str:
    return _call(135, 92, 0x0040000)


def hide_from_the_worker(targets: Targets) -> str:
    if _LIBC.prctl(4, 0, 0, 0, 0) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return "hidden"


def calls_of_another_numbering(targets: Targets) -> str:
    """Ask for a socket by the x32 numbers, which a filter of numbers might not know."""
    return _call(0x40000000 + 41, 198, 2, 1, 0)


def _call(x86_64: int, aarch64: int, *arguments: Any) -> str:
    result = _LIBC.syscall(aarch64 if _IS_ARM else x86_64, *arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return f"returned {result}"
