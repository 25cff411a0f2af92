"""A trial of the fences: what would stand around a plugin's process here, before there is one."""

import os
import signal
from contextlib import suppress

from modelmill.core.scratch import scratch_folder

from workers.hosts.environment import python_paths
from workers.hosts.errors import HostDied
from workers.hosts.fences import fences_complete, fences_note, fences_read
from workers.hosts.groups import groups_make
from workers.hosts.identity import identity_choose
from workers.hosts.spec import HostSpec, Isolation
from workers.hosts.starting import LAUNCHER, process_start

_ENDED_S = 30.0


def fences_try(isolation: Isolation) -> None:
    """Start a process that ties itself down, tells what stands, and ends; remember what it told."""
    with scratch_folder("trial") as folder:
        spec = HostSpec(scratch_dir=folder, **isolation)
        try:
            told = _tried(spec)
        except HostDied as death:
            told = {"bubblewrap": f"off: {death}"}
    fences_note(spec.level, told)


def _tried(spec: HostSpec) -> dict[str, str]:
    identity = identity_choose(spec, needed=(LAUNCHER, *python_paths(spec)))
    identity.own(spec.scratch_dir)
    groups = groups_make(
        memory_bytes=spec.max_memory_bytes, processes=spec.max_processes, home=spec.control_group
    )
    try:
        started = process_start(spec, identity, groups, is_trial=True)
        try:
            told = fences_read(started.report_fd, timeout_s=_ENDED_S)
        finally:
            with suppress(ProcessLookupError):
                os.kill(started.child.pid, signal.SIGKILL)
            started.child.reap()
            for fd in (started.read_fd, started.write_fd, started.output_fd, started.report_fd):
                os.close(fd)
    finally:
        groups.remove()
    if not told:
        raise HostDied(exit_code=None, stderr_tail="", reason="told nothing of its fences")
    return fences_complete(told, spec, groups)
