"""The first lines a host's process runs: it ties itself down, then becomes the SDK's host.

Run as a file by whatever interpreter the plugin has, so it may import the standard library only.
It is a program and not a ``preexec_fn``, because running Python between fork and exec in a process
with threads can deadlock. Deeper fences (network namespace, Landlock, seccomp) belong in
``_tie_down``, after the limits: everything done there survives, nothing of the plugin ran before.
"""

import ctypes
import json
import os
import resource
import runpy
import signal
import sys

_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38


def main() -> None:
    """Read the settings (one JSON argument), tie down, and run the host."""
    settings = json.loads(sys.argv[1])
    _tie_down(settings)
    sys.argv[1:] = [
        "--read-fd",
        str(settings["read_fd"]),
        "--write-fd",
        str(settings["write_fd"]),
    ]
    runpy.run_module("modelmill_sdk.host", run_name="__main__", alter_sys=True)


def _tie_down(settings: dict[str, int]) -> None:
    if sys.platform == "linux":
        prctl = ctypes.CDLL(None, use_errno=True).prctl
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    # The parent may have died before the line above: then no signal comes any more.
    if os.getppid() != settings["parent_pid"]:
        os._exit(0)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_NOFILE, settings["max_open_files"])
    _limit(resource.RLIMIT_FSIZE, settings["max_file_bytes"])
    if settings["max_processes"]:
        _limit(resource.RLIMIT_NPROC, settings["max_processes"])
    # Not RLIMIT_AS: CUDA reserves far more address space than it uses.


def _limit(which: int, value: int) -> None:
    _, hard = resource.getrlimit(which)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(which, (value, value))


if __name__ == "__main__":
    main()
