"""The keeper: ends every process of the installation when the launcher is gone.

The launcher holds the other end of this process's standard input and writes
one line per process group it starts. However the launcher ends (kill -9
included), the pipe closes, and the keeper ends what is left.
"""

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable

GRACE_S = 10.0


def main() -> None:
    """Read group ids until the pipe closes, then end those groups."""
    # The keeper outlives what kills its siblings: it is the one who cleans up.
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, signal.SIG_IGN)
    groups = [int(line) for line in sys.stdin if line.strip()]
    groups_end(groups, grace_s=GRACE_S)


def groups_end(
    groups: list[int], *, grace_s: float, reap: Callable[[], object] = lambda: None
) -> None:
    """Ask the groups to end, wait up to ``grace_s`` seconds, then kill what is left.

    ``reap`` collects the caller's own dead children: until then each still
    counts as a member of its group.
    """
    for group in groups:
        _signal(group, signal.SIGTERM)
    deadline = time.monotonic() + grace_s
    while time.monotonic() < deadline and any(_is_alive(group) for group in groups):
        time.sleep(0.1)
        reap()
    for group in groups:
        _signal(group, signal.SIGKILL)


def _is_alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _signal(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


if __name__ == "__main__":
    main()
