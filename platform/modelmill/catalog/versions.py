"""Versions of a plugin: which is newer, and whose models one can load."""

import re
from collections.abc import Mapping
from typing import Any

# The parts of a version that decide its place (PEP 440): numbers, then a pre-release of them.
_VERSION = re.compile(r"v?(\d+(?:\.\d+)*)[-_.]?(?:(a|b|rc|alpha|beta|c|pre)[-_.]?(\d*))?")
_FINAL = 99
_PRE = {"a": 0, "alpha": 0, "b": 1, "beta": 1, "rc": 2, "c": 2, "pre": 2}


def version_key(version: str) -> tuple[tuple[int, ...], int, int, str]:
    """Return what versions are sorted by; a version that is none comes before all others."""
    found = _VERSION.match(version.strip().lower())
    if found is None:
        return ((), 0, 0, version)
    numbers = [int(part) for part in found[1].split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    stage = _PRE[found[2]] if found[2] else _FINAL
    return (tuple(numbers), stage, int(found[3] or 0), version)


def version_loads(manifest: Mapping[str, Any], version: str) -> bool:
    """Say whether a release with this manifest loads models that ``version`` made.

    Its author names versions in ``loads``, each with all that begin with it; who names none
    promises those of the same major version.
    """
    own = str(manifest["version"])
    named = manifest.get("loads") or [own.partition(".")[0]]
    return version == own or any(version == one or version.startswith(f"{one}.") for one in named)
