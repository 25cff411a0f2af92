"""What a host's fences told: read from the child, completed by ours, kept for the operator."""

import json
import logging
import os
import select
import time

from workers.hosts.groups import HostGroups
from workers.hosts.spec import HostSpec

logger = logging.getLogger(__name__)

Fences = dict[str, str]

_MAX_BYTES = 64 * 1024

_seen: dict[str, Fences] = {}


def fences_read(fd: int, *, timeout_s: float) -> Fences:
    """Read the child's report to its end; empty if it ended, or went on, without one.

    Written before any of the plugin's code ran, so what it says is ours.
    """
    deadline = time.monotonic() + timeout_s
    told = b""
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    while len(told) < _MAX_BYTES and poll.poll(max(0, deadline - time.monotonic()) * 1000):
        part = os.read(fd, _MAX_BYTES)
        if not part:
            break
        told += part
    try:
        report = json.loads(told)
    except ValueError:
        return {}
    return {str(name): str(state) for name, state in report.items()}


def fences_complete(told: Fences, spec: HostSpec, groups: HostGroups) -> Fences:
    """Add the fences that stand on our side of the pipes."""
    why_not = f" ({groups.why_not})" if groups.why_not else ""
    memory = "on: watched by the worker"
    if not spec.max_memory_bytes:
        memory, why_not = "off: no bound is set", ""
    bounds = {controller: f"on: {how}" for controller, how in groups.bounds.items()}
    return {
        **told,
        "memory": bounds.get("memory", memory + why_not),
        "processes": bounds.get("pids", told["processes"]),
        "disk": "on: watched by the worker",
    }


def fences_note(level: str, fences: Fences) -> None:
    """Remember what stands at a level of isolation, and log it when it is news."""
    if _seen.get(level) != fences:
        _seen[level] = fences
        absent = {name: state for name, state in fences.items() if not state.startswith("on")}
        told = "; ".join(f"{name}: {state}" for name, state in fences.items())
        (logger.warning if absent else logger.info)("Plugin fences at %s. %s", level, told)


def fences_seen() -> dict[str, Fences]:
    """Return by level of isolation what the newest host of this process told."""
    return dict(_seen)
