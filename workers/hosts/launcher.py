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
import site
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

_FENCING = Path(__file__).resolve().parent / "fencing"


def main() -> None:
    """Read the settings (one JSON argument), tie down, and run the host, or only tell."""
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
    report = fencing.tie_down(settings["fences"])
    with os.fdopen(settings["report_fd"], "w", encoding="utf-8") as pipe:
        json.dump(report, pipe)


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


if __name__ == "__main__":
    main()
