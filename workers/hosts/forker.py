"""A process that has imported the heavy libraries, and is forked into hosts that so begin warm.

Run as a file, as the launcher is. It imports what the operator names and nothing of a plugin's; it
holds no credentials; it must never have had a second thread, nor have touched a GPU: neither
survives a fork. Every host forked from it raises the same fences as a fresh one, by the same
function, before any of the plugin's code is imported.

It answers one request at a time on a socket (packets of JSON): ``fork``, with the descriptors of a
host, is answered by its number and a descriptor of the process; ``reap`` by how it ended. Whoever
asks to reap has ended the process's group first: until then the number is nobody else's.
"""

import gc
import importlib
import importlib.util
import json
import os
import random
import signal
import socket
import sys
import tempfile
import time
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

MAX_PACKET_BYTES = 160 * 1024

_LAUNCHER = Path(__file__).resolve().with_name("launcher.py")
# The SDK's own host, which every child becomes.
_OWN_IMPORTS = ("modelmill_sdk.host.__main__", "modelmill_sdk.runs")
_EXIT_FAILED = 70  # EX_SOFTWARE of sysexits.h


def main() -> None:
    """Read the settings (one JSON argument), import, and fork on request until nobody asks."""
    # Its hosts would end with it; each of them then has a handler of its own.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    settings = json.loads(sys.argv[1])
    launcher = _launcher_load()
    fencing = launcher.fencing_load()
    _die_with(settings["parent_pid"], kernel=fencing.kernel)
    launcher.packages_find(settings["python_paths"])
    asking = socket.socket(fileno=settings["socket_fd"])
    asking.send(json.dumps(_imported(settings["imports"])).encode())
    # Looked for once: a forked host has the same, and remembers it.
    fencing.places.interpreter_roots()
    gc.collect()
    # What exists now stays for good: the collector must not touch, and so copy, these pages.
    gc.freeze()
    while True:
        packet, fds, _flags, _address = socket.recv_fds(asking, MAX_PACKET_BYTES, 8)
        if not packet:
            return
        request = json.loads(packet)
        if "reap" in request:
            asking.send(json.dumps({"status": _reaped(request["reap"])}).encode())
        else:
            _fork(asking, request["fork"], fds, launcher=launcher, fencing=fencing)


def _imported(names: list[str]) -> dict[str, Any]:
    """Import what there is of the names; tell what was found, or why no host may be forked."""
    began, missing = time.monotonic(), {}
    for name in (*_OWN_IMPORTS, *names):
        try:
            _warm(name)
        except Exception as error:
            # One library that is broken or missing must not cost the others.
            missing[name] = f"{type(error).__name__}: {error}"[:500]
            continue
        if len(os.listdir("/proc/self/task")) > 1:  # noqa: PTH208 - counted, not walked
            return {"refused": f"importing {name} starts threads, and threads end in a fork"}
    if "/libcuda.so" in Path("/proc/self/maps").read_text(encoding="utf-8"):
        return {"refused": "an import loads the GPU's driver, which does not survive a fork"}
    return {"missing": missing, "import_ms": round((time.monotonic() - began) * 1000)}


def _warm(name: str) -> None:
    """Import a module; of ``module:function:argument``, also call the function with the word once.

    For what a library builds at its first use and then keeps.
    """
    module, *call = name.split(":")
    found = importlib.import_module(module)
    if call:
        function, *words = call
        getattr(found, function)(*words)


def _fork(
    asking: socket.socket,
    settings: dict[str, Any],
    fds: list[int],
    *,
    launcher: ModuleType,
    fencing: ModuleType,
) -> None:
    ours = os.getpid()
    pid = os.fork()
    if pid == 0:
        settings["fences"]["parent_pid"] = ours
        _become(settings, fds, launcher=launcher, fencing=fencing)
    for fd in fds:
        os.close(fd)
    process_fd = os.pidfd_open(pid)
    socket.send_fds(asking, [json.dumps({"pid": pid}).encode()], [process_fd])
    os.close(process_fd)


def _become(
    settings: dict[str, Any], fds: list[int], *, launcher: ModuleType, fencing: ModuleType
) -> NoReturn:
    """Be a host from here on; never return into the loop of the process that was forked."""
    try:
        _settle(settings, fds)
        launcher.fences_raise(settings, fencing)
        launcher.arguments_set(settings)
        sys.modules["modelmill_sdk.host.__main__"].main()
    except SystemExit as end:
        os._exit(end.code if isinstance(end.code, int) else 1)
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(_EXIT_FAILED)
    os._exit(0)


def _settle(settings: dict[str, Any], fds: list[int]) -> None:
    """Take on what a fresh process would have been given: session, descriptors, environment."""
    os.setsid()
    settings["read_fd"], settings["write_fd"], settings["report_fd"], output = fds
    nothing = os.open(os.devnull, os.O_RDONLY)
    for fd, number in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(fd, number)
    _close_others({0, 1, 2, *fds[:3]})
    os.umask(0o077)
    os.environ.clear()
    os.environ.update(settings["environment"])
    os.chdir(settings["fences"]["scratch_dir"])
    sys.path[:0] = [path for path in settings["python_paths"] if path not in sys.path]
    importlib.invalidate_caches()
    # Remembered or drawn before the fork: two hosts must share neither place nor chance.
    tempfile.tempdir = None
    random.seed()
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed()


def _close_others(kept: set[int]) -> None:
    last = -1
    for fd in (*sorted(kept), os.sysconf("SC_OPEN_MAX")):
        # Python 3.11 takes an empty range for all there are.
        if last + 1 < fd:
            os.closerange(last + 1, fd)
        last = fd


def _reaped(pid: int) -> int | None:
    try:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    except ChildProcessError:
        return None


def _die_with(parent_pid: int, *, kernel: ModuleType) -> None:
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    # The worker may have died before the line above: then no signal comes any more.
    if os.getppid() != parent_pid:
        os._exit(0)


def _launcher_load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("modelmill_launcher", _LAUNCHER)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    main()
