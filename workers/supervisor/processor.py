"""The processor a plugin computes on: two of them may round the same sum differently."""

from contextlib import suppress
from functools import cache
from pathlib import Path

_LIST = Path("/proc/cpuinfo")
# The widest first; torch's kernels are made for these, and choose when the process starts.
_INSTRUCTIONS = {"avx512f": "AVX512", "avx2": "AVX2", "asimd": "NEON"}
_MAX_CHARS = 200


@cache
def processor_name() -> str:
    """Name the processor and its widest instructions; empty where the kernel does not tell."""
    return processor_read(_LIST)


def processor_read(listing: Path) -> str:
    """Read the first processor of the kernel's list."""
    told: dict[str, str] = {}
    with suppress(OSError):
        for line in listing.read_text().split("\n\n")[0].splitlines():
            name, _colon, value = line.partition(":")
            told[name.strip().lower()] = value.strip()
    flags = (told.get("flags") or told.get("features") or "").split()
    widest = next((name for flag, name in _INSTRUCTIONS.items() if flag in flags), "")
    return " ".join(word for word in (told.get("model name", ""), widest) if word)[:_MAX_CHARS]
