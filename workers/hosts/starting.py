"""Starting a host's process, with exactly the descriptors and the user it should have."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from workers.hosts import launcher
from workers.hosts.environment import host_environment
from workers.hosts.identity import Identity
from workers.hosts.spawner import spawn
from workers.hosts.spec import HostSpec

LAUNCHER = Path(launcher.__file__).resolve()


@dataclass(frozen=True, kw_only=True)
class StartedProcess:
    """A process, and our ends of its pipes: its messages, our messages, its output."""

    popen: subprocess.Popen[bytes]
    read_fd: int
    write_fd: int
    output_fd: int


def process_start(spec: HostSpec, identity: Identity) -> StartedProcess:
    """Start a host's process; whoever calls owns the descriptors. Raises OSError if it cannot."""
    child_read, our_write = os.pipe()
    our_read, child_write = os.pipe()
    our_output, child_output = os.pipe()
    settings = {
        "read_fd": child_read,
        "write_fd": child_write,
        "parent_pid": os.getpid(),
        "max_open_files": spec.max_open_files,
        "max_file_bytes": spec.max_file_bytes,
        # The kernel counts by user: on our own user's account, ours would count as well.
        "max_processes": spec.max_processes if identity.uid is not None else 0,
    }
    python = sys.executable if spec.python is None else str(spec.python)
    # -P: neither the launcher's folder nor the scratch folder is a place to import from.
    command = [python, "-P", str(LAUNCHER), json.dumps(settings)]
    try:
        popen = spawn(
            lambda: subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=child_output,
                stderr=child_output,
                cwd=spec.scratch_dir,
                env=host_environment(spec),
                close_fds=True,
                pass_fds=(child_read, child_write),
                start_new_session=True,
                umask=0o077,
                user=identity.uid,
                group=identity.uid,
                extra_groups=None if identity.uid is None else [],
            )
        )
    except BaseException:
        for fd in (our_write, our_read, our_output):
            os.close(fd)
        raise
    finally:
        for fd in (child_read, child_write, child_output):
            os.close(fd)
    return StartedProcess(popen=popen, read_fd=our_read, write_fd=our_write, output_fd=our_output)
