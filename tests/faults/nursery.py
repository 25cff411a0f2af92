"""A process that has imported everything and forks what tests kill: real workers, and calls.

A Celery worker takes seconds to import; a fork of one that has imported begins at once, so that
hundreds of deaths fit into a test run. One JSON line in, one out; ends with its standard input.
"""

import contextlib
import json
import os
import signal
import sys
import traceback
from importlib import import_module
from typing import Any


def main() -> None:
    """Answer orders until there are no more."""
    # Sets Django up and registers every task.
    from workers.celery import app

    children: dict[int, int | None] = {}
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        if order["do"] == "fork":
            pid = os.fork()
            if pid == 0:
                _become(order, app)
            children[pid] = None
            print(json.dumps({"pid": pid}), flush=True)
        else:
            print(json.dumps({"status": _poll(children, order["pid"])}), flush=True)
    for pid, status in children.items():
        if status is None and _poll(children, pid) is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)


def _poll(children: dict[int, int | None], pid: int) -> int | None:
    """Return how a child ended: its exit code, or minus the signal's number; None if it lives."""
    if children[pid] is None:
        ended, status = os.waitpid(pid, os.WNOHANG)
        children[pid] = os.waitstatus_to_exitcode(status) if ended else None
    return children[pid]


def _become(order: dict[str, Any], app: Any) -> None:
    """Go on as the child that was ordered; never returns."""
    code = 1
    try:
        os.setsid()
        log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for fd, target in ((nothing, 0), (log, 1), (log, 2)):
            os.dup2(fd, target)
        _settle(order)
        if order["argv"]:
            app.worker_main(order["argv"])
        else:
            module, _colon, name = order["call"].partition(":")
            getattr(import_module(module), name)(**order["with"])
        code = 0
    except SystemExit as end:
        code = int(end.code or 0)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _settle(order: dict[str, Any]) -> None:
    from django.conf import settings
    from modelmill.core.killpoints import killpoints_arm

    os.environ.update(order["environ"])
    for name, value in order["settings"].items():
        setattr(settings, name, value)
    for act, values in order["before"]:
        module, _colon, name = act.partition(":")
        getattr(import_module(module), name)(**values)
    killpoints_arm(order["plan"])


if __name__ == "__main__":
    main()
