"""What a training runs on: the versions of Python, the plugin's package and all it needs."""

import platform
import re
from importlib import metadata

MAX_VERSIONS = 200

_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*")
# Recorded wherever they are installed: what most results depend on.
_ALWAYS = ("modelmill-sdk", "numpy", "torch")


def versions_read(distribution: str) -> dict[str, str]:
    """Give the versions that a result depends on, by package name, after Python and the machine.

    The packages are those that ``distribution`` requires, directly or not, as far as they are
    installed. None is imported.
    """
    found: dict[str, str] = {}
    waiting = [*_ALWAYS, *([distribution] if distribution else [])]
    while waiting and len(found) < MAX_VERSIONS:
        name = waiting.pop()
        key = re.sub(r"[-_.]+", "-", name).lower()
        if key in found:
            continue
        try:
            package = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        found[key] = package.version
        for line in package.requires or ():
            requirement, _semicolon, marker = line.partition(";")
            match = _NAME.match(requirement.strip())
            if match and "extra" not in marker:
                waiting.append(match.group())
    machine = {"python": platform.python_version(), "platform": platform.platform()}
    return machine | dict(sorted(found.items()))
