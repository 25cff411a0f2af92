"""What is installed in the workers' own environment, as a mark that changes with it."""

import os
import site
from pathlib import Path

# What tells an interpreter which packages there are, and where they lie: a package that is
# installed in place, for development, adds nothing else.
_TELLING = (".pth", ".dist-info", ".egg-info", ".egg-link")

Mark = frozenset[tuple[str, int, int]]


def environment_mark() -> Mark:
    """Read which distributions and path files there are, each with its time and size.

    Takes about a millisecond. Bytecode and other files that come and go do not change it.
    """
    found: set[tuple[str, int, int]] = set()
    for folder in map(Path, site.getsitepackages()):
        try:
            entries = list(os.scandir(folder))
        except OSError:
            continue
        for entry in entries:
            if entry.name.endswith(_TELLING):
                found |= _seen(entry)
    return frozenset(found)


def _seen(entry: os.DirEntry[str]) -> Mark:
    try:
        seen = entry.stat()
    except OSError:
        # Removed since it was listed: an installer is at work, and the next mark is another.
        return frozenset()
    return frozenset({(entry.path, seen.st_mtime_ns, seen.st_size)})
