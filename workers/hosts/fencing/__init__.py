"""What a plugin's process does to itself before any of the plugin's code runs.

Standard library only, and imports within this folder alone: any interpreter loads it by its path,
before it has looked for packages. ``tie_down`` is what there is to call. It needs no exec after it,
so a process that was forked a moment ago may call it as well.
"""

import errno
import os
import signal
from collections.abc import Callable
from typing import Any

from . import bubblewrap, kernel, landlock, limits, namespaces, places, privileges, seccomp

Settings = dict[str, Any]


def tie_down(settings: Settings) -> dict[str, str]:
    """Put up every fence that the kernel has, for good; tell which stand, and why not the rest.

    The answer is by fence: "on: " and how, or "off: " and why not, in the words of ``WORDS``, with
    the kernel's own in brackets. Call it with one thread, in the process that it is about. Raises
    OSError when not even the limits, or the change of user, could be had: then run nothing.

    ``settings``: uid (None keeps the user), keeps_reading, is_walled (namespaces are there),
    groups (files of members to join), parent_pid (None where another looks after that),
    scratch_dir, read, write, closed (paths), device, meets (its processes connect to each other,
    where it is walled), shared_memory_bytes, open_files, file_bytes, processes.
    """
    if len(os.listdir("/proc/self/task")) > 1:  # noqa: PTH208 - fences bind one thread
        raise OSError(errno.EBUSY, "the fences must be put up before there are threads")
    limits.groups_join(settings["groups"])
    limits.sacrifice_first()
    walls = _walls(settings)
    if settings["uid"] is not None:
        privileges.user_become(settings["uid"])
        walls = walls or _walls_as_user(settings)
    is_counted = _is_counted_apart(settings, walls)
    limits.limits_set(
        open_files=settings["open_files"],
        file_bytes=settings["file_bytes"],
        processes=settings["processes"] if is_counted else 0,
    )
    _die_with(settings["parent_pid"])
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    confined = _confined(settings, has_own_memory=walls.get("shared memory", "").startswith("on"))
    privileges.capabilities_drop(keeps_reading=settings["keeps_reading"])
    return {
        "user": _user(settings),
        "privileges": "on: no capabilities, no new privileges",
        **confined,
        **_network(walls, _attempt("seccomp", _filtered(settings))),
        "limits": "on: rlimits",
        "processes": "on: rlimits" if is_counted else "off: no user to count by",
        "death with the worker": "on: parent death signal",
    }


def wrap(program: str, settings: Settings, *, inner: list[str]) -> None:
    """Become bubblewrap, which starts the command ``inner`` behind walls; never returns."""
    limits.groups_join(settings["groups"])
    limits.sacrifice_first()
    _die_with(settings["parent_pid"])
    os.execv(program, bubblewrap.command(program, settings, inner=inner))  # noqa: S606 - no shell


def _walls(settings: Settings) -> dict[str, str]:
    """Leave the machine's namespaces; an empty answer: try again once the user is another."""
    if settings["is_walled"]:
        return {"network": "on: bubblewrap", "shared memory": "on: bubblewrap"}
    if os.geteuid() != 0:
        return _walls_as_user(settings)
    walls = _attempt("network", _left(namespaces.leave, "network namespace"))
    if walls["network"].startswith("off") and settings["uid"] and not settings["keeps_reading"]:
        return {}
    return {**walls, **_shared_memory(walls, settings)}


def _walls_as_user(settings: Settings) -> dict[str, str]:
    walls = _attempt("network", _left(namespaces.leave_as_user, "user and network namespace"))
    return {**walls, **_shared_memory(walls, settings)}


def _left(leave: Callable[[], None], how: str) -> Callable[[], str]:
    def act() -> str:
        leave()
        return how

    return act


def _shared_memory(walls: dict[str, str], settings: Settings) -> dict[str, str]:
    if walls["network"].startswith("off"):
        return {"shared memory": "off: the kernel allows no namespace of its own"}

    def act() -> str:
        namespaces.shared_memory_own(settings["shared_memory_bytes"])
        return "tmpfs of its own"

    return _attempt("shared memory", act)


def _confined(settings: Settings, *, has_own_memory: bool) -> dict[str, str]:
    """Put Landlock up: over files, and from its sixth version over signals."""
    try:
        abi = landlock.version()
        landlock.enforce(
            abi,
            read=places.read_roots(settings["read"], closed=settings["closed"]),
            write=[
                settings["scratch_dir"],
                *settings["write"],
                *([namespaces.SHARED_MEMORY] if has_own_memory else []),
            ],
            devices=places.devices(settings["device"]),
            changed=places.own_process(settings["device"], meets=_meets(settings)),
            meets=_meets(settings),
        )
    except OSError as error:
        why = _why_not(error)
        return {"files": why, "signals": why}
    signals = f"on: Landlock {abi}"
    if not landlock.scopes_signals(abi):
        signals = "off: the kernel's Landlock is too old for it"
    return {"files": f"on: Landlock {abi}", "signals": signals}


def _meets(settings: Settings) -> bool:
    """Say whether processes may connect: behind walls alone, where there is nobody else."""
    return bool(settings["meets"] and settings["is_walled"])


def _filtered(settings: Settings) -> Callable[[], str]:
    def act() -> str:
        seccomp.enforce(has_gpu=settings["device"] != "cpu", meets=_meets(settings))
        return "seccomp"

    return act


def _network(walls: dict[str, str], filtered: dict[str, str]) -> dict[str, str]:
    """Say what keeps the process off the network: its own empty one, or the filter alone."""
    network = walls["network"]
    if network.startswith("off") and filtered["seccomp"].startswith("on"):
        network = "on: seccomp refuses sockets"
    return {
        "network": network,
        "shared memory": walls["shared memory"],
        "system calls": filtered["seccomp"],
    }


def _is_counted_apart(settings: Settings, walls: dict[str, str]) -> bool:
    """Say whether a bound on a user's processes counts ours alone, and not the worker's."""
    if settings["uid"] is not None:
        return True
    has_namespace = walls["network"].startswith("on") and os.geteuid() != 0
    return has_namespace and limits.counts_by_namespace()


def _user(settings: Settings) -> str:
    if settings["uid"] is None:
        return "off: only root can start a process as another user"
    if settings["keeps_reading"]:
        return "on: a user of its own, that may read closed folders"
    return "on: a user of its own"


def _die_with(parent_pid: int | None) -> None:
    """End when the parent's thread does. After the change of user, which forgets it."""
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    # The parent may have died before the line above: then no signal comes any more.
    if parent_pid is not None and os.getppid() != parent_pid:
        os._exit(0)


def _attempt(fence: str, act: Callable[[], str]) -> dict[str, str]:
    try:
        return {fence: f"on: {act()}"}
    except OSError as error:
        return {fence: _why_not(error)}


def _why_not(error: OSError) -> str:
    known = {
        errno.ENOSYS: "the kernel has no such thing",
        errno.EOPNOTSUPP: "it is switched off in the kernel",
        errno.EPERM: "the kernel does not allow it here",
        errno.EACCES: "the kernel does not allow it here",
    }
    sentence = known.get(error.errno or 0, "the kernel refused it")
    return f"off: {sentence} ({error.strerror})"


__all__ = ["Settings", "bubblewrap", "tie_down", "wrap"]
