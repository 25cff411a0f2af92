"""The first lines a host's process runs: it ties itself down, then becomes the SDK's host.

Run as a file by whatever interpreter the plugin has, so it may import the standard library only.
It is a program and not a ``preexec_fn``, because running Python between fork and exec in a process
with threads can deadlock. Started with ``-I -S``: packages, and with them whatever a plugin's own
environment would run at start, are looked for only once the fences stand.
"""

import importlib.util
import json
import os
import runpy
import signal
import site
import sys
import threading
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

_FENCING = Path(__file__).resolve().parent / "fencing"


def main() -> None:
    """Read the settings (one JSON argument), tie down, and run the host, or only tell."""
    # Bubblewrap, which this process may become, has to outlive it as well: an ignored signal stays
    # ignored when a program becomes another, and a handler does not.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    settings = json.loads(sys.argv[1])
    fencing = fencing_load()
    if settings["bubblewrap"]:
        again = [*sys.orig_argv[:-1], fencing.bubblewrap.inner_settings(settings)]
        fencing.wrap(settings["bubblewrap"], settings["fences"], inner=again)
    fences_raise(settings, fencing)
    if settings["is_trial"]:
        return
    packages_find(settings["python_paths"])
    arguments_set(settings)
    runpy.run_module("modelmill_sdk.host", run_name="__main__", alter_sys=True)


def fences_raise(settings: dict[str, Any], fencing: ModuleType) -> None:
    """Tie this process down, and tell which fences stand; a fresh process and a forked one alike.

    Raises OSError where it must not go on.
    """
    termination_outlive()
    report = fencing.tie_down(settings["fences"])
    with os.fdopen(settings["report_fd"], "w", encoding="utf-8") as pipe:
        json.dump(report, pipe)


def termination_outlive() -> None:
    """Go on when SIGTERM comes: it is meant for the worker, which then asks for a checkpoint.

    Whoever ends a worker may send it to all processes that have come of it, as systemd does. What
    ends a host is SIGKILL, or the end of its pipe. By a handler and not by ignoring it: what the
    plugin starts would ignore it, too, and who ends that by it would wait for ever.
    """
    signal.signal(signal.SIGTERM, _go_on)
    # Or a library's call that waits would return with an error that nobody else's signals cause.
    signal.siginterrupt(signal.SIGTERM, False)
    # Held back meanwhile: what comes to a child that was only just forked must not be lost on it.
    mask = threading.local()

    def hold_back() -> None:
        mask.before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})

    def let_through() -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask.before)

    def end_by_it() -> None:
        # Unless the plugin has a handler of its own, which its children are to have as well.
        if signal.getsignal(signal.SIGTERM) is _go_on:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
        let_through()

    os.register_at_fork(before=hold_back, after_in_parent=let_through, after_in_child=end_by_it)


def arguments_set(settings: dict[str, Any]) -> None:
    """Give the SDK's host its command line."""
    fds = (str(settings["read_fd"]), str(settings["write_fd"]))
    sys.argv[1:] = ["--read-fd", fds[0], "--write-fd", fds[1]]


def fencing_load() -> ModuleType:
    """Import the folder of fences by its path, as no package is to be found yet."""
    spec = importlib.util.spec_from_file_location(
        "modelmill_fencing", _FENCING / "__init__.py", submodule_search_locations=[str(_FENCING)]
    )
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def packages_find(python_paths: list[str]) -> None:
    """Look for packages where the interpreter usually would, in these places first."""
    sys.path[:0] = python_paths
    site.main()
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="replace")  # type: ignore[union-attr]


def _go_on(number: int, frame: FrameType | None) -> None:
    pass


if __name__ == "__main__":
    main()
