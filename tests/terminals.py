"""A real terminal for a command under test."""

import os
import pty
import subprocess
from collections.abc import Sequence
from pathlib import Path


def on_a_terminal(command: Sequence[str], *, cwd: Path) -> tuple[int, bytes]:
    """Run a command whose errors go to a terminal; give its status, and what stood there."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(command, cwd=cwd, stdout=subprocess.DEVNULL, stderr=theirs) as process:
        os.close(theirs)
        shown = b""
        try:
            while part := os.read(ours, 1 << 16):
                shown += part
        except OSError:
            pass  # Linux says so when the other end is gone.
    os.close(ours)
    return process.returncode, shown
