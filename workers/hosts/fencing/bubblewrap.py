"""Bubblewrap: walls around the whole process, for plugins that nobody reviewed.

A root file system of nothing but what is read, and that read-only; its own processes, network,
names and temporary files. What is inside ties itself down as well.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

from . import namespaces, places

# What the process inside needs to become the user it runs as; it then gives all of it up.
_KEPT_BY_ROOT = ("CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP", "CAP_DAC_READ_SEARCH")


def command(program: str, settings: dict[str, Any], *, inner: list[str]) -> list[str]:
    """Write the command that runs ``inner`` behind walls, as told by ``tie_down``'s settings."""
    words = [program, "--die-with-parent", "--unshare-ipc", "--unshare-pid", "--unshare-net"]
    words += ["--unshare-uts", "--unshare-cgroup-try", "--hostname", "plugin", "--cap-drop", "ALL"]
    if os.geteuid() == 0:
        words += [word for name in _KEPT_BY_ROOT for word in ("--cap-add", name)]
    else:
        words += ["--unshare-user"]
    words += ["--tmpfs", "/tmp"]  # noqa: S108 - inside, where nobody else is
    for place in _seen(settings):
        words += ["--ro-bind-try", place, place]
    words += ["--proc", "/proc", "--dev", "/dev"]
    words += ["--size", str(settings["shared_memory_bytes"]), "--tmpfs", namespaces.SHARED_MEMORY]
    for device in places.devices(settings["device"]):
        words += ["--dev-bind-try", device, device]
    for place in (settings["scratch_dir"], *settings["write"]):
        words += ["--bind", place, place]
    return [*words, "--remount-ro", "/", "--chdir", settings["scratch_dir"], "--", *inner]


def inner_settings(settings: dict[str, Any]) -> str:
    """Give the launcher's settings for the process inside, as its argument."""
    fences = {**settings["fences"], "is_walled": True, "groups": [], "parent_pid": None}
    return json.dumps({**settings, "fences": fences, "bubblewrap": None})


def _seen(settings: dict[str, Any]) -> list[str]:
    """List what is there to be read, each by its own name and by the one its links lead to."""
    launcher = str(Path(__file__).parents[1])
    given = [*settings["read"], launcher]
    roots = [
        place
        for place in places.read_roots(given, closed=settings["closed"])
        if not place.startswith("/proc")
    ]
    # Shorter first: what lies in another place is bound over it, not under it.
    both = {*roots, *(str(Path(place).resolve()) for place in roots), str(Path(sys.executable))}
    return sorted(both, key=lambda place: (len(Path(place).parts), place))
