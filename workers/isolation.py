"""How a plugin's process is shut in on this installation: what the operator's settings say."""

import os
from pathlib import Path

from django.conf import settings
from modelmill.catalog.isolation import plugin_level

from workers.hosts.spec import MIB, Isolation, Level


def plugin_isolation(plugin_id: str, *, devices: int = 1) -> Isolation:
    """Return how a plugin's process is shut in, or its processes, one for each device."""
    return meeting_isolation() if devices > 1 else _isolation(plugin_level(plugin_id))


def meeting_isolation() -> Isolation:
    """Return how processes are shut in that connect to each other: nobody else is in reach."""
    return _isolation("L2")


def strictest_isolation() -> Isolation:
    """Return how the processes are shut in that import plugins to describe them."""
    return _isolation("L2" if settings.PLUGINS_L2 else "L1")


def levels_used() -> list[Isolation]:
    """List how processes are shut in here: at L1, and at L2 where a plugin is to be."""
    has_l2 = settings.PLUGINS_L2 or settings.DEVICES_PER_JOB > 1
    return [_isolation("L1"), *([_isolation("L2")] if has_l2 else [])]


def _isolation(level: Level) -> Isolation:
    group = settings.PLUGIN_CONTROL_GROUP
    return Isolation(
        level=level,
        closed=_closed(),
        max_memory_bytes=memory_most_bytes(),
        max_scratch_bytes=settings.PLUGIN_DISK_MIB * MIB,
        max_processes=settings.PLUGIN_PROCESSES,
        control_group=Path(group) if group else None,
    )


def _closed() -> tuple[Path, ...]:
    """List what no plugin may read, in whatever folder it lies: data, files, database, secrets."""
    database = settings.DATABASES["default"]
    places = [Path(settings.VAR_DIR), Path(settings.MEDIA_ROOT)]
    if database["ENGINE"].endswith("sqlite3"):
        places.append(Path(database["NAME"]))
    # Certificates are no secret, and often lie among the libraries.
    places += [
        Path(path)
        for name, path in os.environ.items()
        if name.endswith("_FILE") and path and name != "SSL_CERT_FILE"
    ]
    return tuple(path.absolute() for path in places)


def memory_most_bytes() -> int:
    """Return the memory that a plugin's processes may have together."""
    if settings.PLUGIN_MEMORY_MIB:
        return int(settings.PLUGIN_MEMORY_MIB) * MIB
    # A fifth is left to the worker and the rest of the machine.
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") * 4 // 5
