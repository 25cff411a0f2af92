"""Memory that a process keeps between two training steps on a CPU."""

import ctypes
import sys

# From malloc.h of glibc.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_KEPT_BYTES, _MAPPED_BYTES = 256 << 20, 32 << 20


def pages_keep() -> bool:
    """Let this process keep the memory that it frees, up to 256 MiB; say whether it can.

    A training step on a CPU frees its activations and asks for as much again a moment later.
    Handed back to the kernel in between, each page is a fault: a quarter of a small network's step.
    Only glibc can be told so; where it is not the library, nothing changes.
    """
    if not sys.platform.startswith("linux"):
        return False
    tell = getattr(ctypes.CDLL(None), "mallopt", None)
    if tell is None:
        return False
    return bool(tell(_MMAP_THRESHOLD, _MAPPED_BYTES) and tell(_TRIM_THRESHOLD, _KEPT_BYTES))
