"""Starting a host's process, with exactly the descriptors and the user it should have."""

import fcntl
import json
import logging
import os
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelmill_sdk.tools.fencing import bubblewrap_find

from workers.hosts import launcher
from workers.hosts.children import Child, SpawnedChild
from workers.hosts.environment import host_environment, python_paths, readable_paths
from workers.hosts.errors import HostDied
from workers.hosts.forkers import ForkerGone, forker_for
from workers.hosts.groups import HostGroups
from workers.hosts.identity import Identity
from workers.hosts.output import PIPE_BYTES
from workers.hosts.spawner import spawn
from workers.hosts.spec import GIB, HostSpec

logger = logging.getLogger(__name__)

LAUNCHER = Path(launcher.__file__).resolve()


# A host may have half of its memory as shared memory, or so much.
_SHARED_MEMORY_BYTES = 8 * GIB


@dataclass(frozen=True, kw_only=True)
class StartedProcess:
    """A process, and our ends of its pipes: its messages, ours, its output, its fences."""

    child: Child
    is_forked: bool
    read_fd: int
    write_fd: int
    output_fd: int
    report_fd: int


def process_start(
    spec: HostSpec, identity: Identity, groups: HostGroups, *, is_trial: bool = False
) -> StartedProcess:
    """Start a host's process, warm where it can be; whoever calls owns the descriptors.

    A trial ties itself down, tells, and ends. Raises HostDied if it cannot be started, or must run
    inside bubblewrap and that is not installed.
    """
    bubblewrap = _bubblewrap(spec)
    child_read, our_write = os.pipe()
    our_read, child_write = os.pipe()
    our_output, child_output = os.pipe()
    our_report, child_report = os.pipe()
    with suppress(OSError):
        fcntl.fcntl(our_output, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    settings = {
        "read_fd": child_read,
        "write_fd": child_write,
        "report_fd": child_report,
        "python_paths": [str(path) for path in python_paths(spec)],
        "bubblewrap": bubblewrap,
        "is_trial": is_trial,
        "fences": fence_settings(spec, identity, groups),
    }
    fds = (child_read, child_write, child_report, child_output)
    try:
        forked = None if is_trial else _forked(spec, settings, fds)
        child = forked or _spawned(spec, settings, fds)
    except OSError as error:
        _close(our_write, our_read, our_output, our_report)
        # An environment that was removed, for one: a process that could not begin has died.
        raise HostDied(
            exit_code=None, stderr_tail=str(error), reason="could not be started"
        ) from error
    except BaseException:
        _close(our_write, our_read, our_output, our_report)
        raise
    finally:
        _close(child_read, child_write, child_output, child_report)
    return StartedProcess(
        child=child,
        is_forked=forked is not None,
        read_fd=our_read,
        write_fd=our_write,
        output_fd=our_output,
        report_fd=our_report,
    )


def _forked(
    spec: HostSpec, settings: dict[str, Any], fds: tuple[int, int, int, int]
) -> Child | None:
    """Have the host forked by a process that has its libraries already, if one is ready."""
    forker = forker_for(spec)
    if forker is None:
        return None
    try:
        return forker.fork({**settings, "environment": host_environment(spec)}, fds)
    except ForkerGone as gone:
        logger.warning("A plugin starts without a warm process: %s", gone)
        return None


def _spawned(spec: HostSpec, settings: dict[str, Any], fds: tuple[int, int, int, int]) -> Child:
    """Start the host as a program of its own."""
    python = sys.executable if spec.python is None else str(spec.python)
    # -I and -S: nothing but the standard library is a place to import from, until the fences stand.
    command = [python, "-I", "-S", "-u", str(LAUNCHER), json.dumps(settings)]
    *pipes, output = fds
    popen = spawn(
        lambda: subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=spec.scratch_dir,
            env=host_environment(spec),
            close_fds=True,
            pass_fds=pipes,
            start_new_session=True,
            umask=0o077,
        )
    )
    return SpawnedChild(popen)


def fence_settings(spec: HostSpec, identity: Identity, groups: HostGroups) -> dict[str, Any]:
    """Write what ``fencing.tie_down`` is told, whether in a fresh process or in a forked one."""
    half = spec.max_memory_bytes // 2
    return {
        "uid": identity.uid,
        "keeps_reading": identity.keeps_reading,
        "is_walled": False,
        "groups": groups.members,
        "parent_pid": os.getpid(),
        "scratch_dir": str(spec.scratch_dir),
        "read": [str(path) for path in readable_paths(spec)],
        "write": [],
        "closed": [str(path) for path in spec.closed],
        "device": spec.device,
        "meets": spec.devices > 1,
        "shared_memory_bytes": half or _SHARED_MEMORY_BYTES,
        "open_files": spec.max_open_files,
        "file_bytes": spec.max_file_bytes,
        "processes": spec.max_processes,
    }


def _bubblewrap(spec: HostSpec) -> str | None:
    if spec.level == "L1":
        return None
    program = bubblewrap_find()
    if program is None:
        raise HostDied(
            exit_code=None,
            stderr_tail="",
            reason="must run at isolation level L2, and bubblewrap is not installed where the "
            "worker runs (on Debian: apt-get install bubblewrap); it was not started",
        )
    return str(program)


def _close(*fds: int) -> None:
    for fd in fds:
        os.close(fd)
