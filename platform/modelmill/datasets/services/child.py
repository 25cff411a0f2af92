"""The child process that reads what a stranger sent: no credentials, bounded, and disposable."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings

from modelmill.datasets.intake.refusals import Refusal

RESULT_FILE = "result.json"
PROGRESS_FILE = "progress"

_POLL_S = 0.1
_REPORT_EVERY_S = 2.0
_PASSED_ON = ("PATH", "PYTHONPATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "TMPDIR")


class IntakeKilled(Exception):
    """The child was killed from outside before it had a result."""


def intake_run(
    source: Path, *, name: str, folder: Path, on_progress: Callable[[int], None]
) -> dict[str, Any]:
    """Read a source in a child process; return its result, with the shards in ``folder``.

    A source that crashes the reader, or takes longer than ``INTAKE_MAX_S``, gives
    a refusal like any other. Raises ``IntakeKilled`` when somebody killed the child.
    """
    folder.mkdir(parents=True)
    arguments = {
        "source": str(source),
        "name": name,
        "folder": str(folder),
        "memory_bytes": settings.INTAKE_MEMORY_BYTES,
        "file_max_bytes": settings.FILE_MAX_BYTES,
        "parent": os.getpid(),
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "modelmill.datasets.intake", json.dumps(arguments)],
        cwd=folder,
        env=_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        is_late = _watch(process, folder / PROGRESS_FILE, on_progress)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
    return _result(process.returncode, folder / RESULT_FILE, is_late=is_late)


def _watch(
    process: "subprocess.Popen[bytes]", progress: Path, on_progress: Callable[[int], None]
) -> bool:
    """Wait for the child, telling how far it is; say whether its time ran out."""
    start_s = reported_s = time.monotonic()
    while process.poll() is None:
        now_s = time.monotonic()
        if now_s - start_s > settings.INTAKE_MAX_S:
            return True
        if now_s - reported_s > _REPORT_EVERY_S:
            reported_s = now_s
            on_progress(_rows_seen(progress))
        time.sleep(_POLL_S)
    return False


def _rows_seen(progress: Path) -> int:
    try:
        return int(progress.read_text())
    except (FileNotFoundError, ValueError):
        return 0


def _result(returncode: int, path: Path, *, is_late: bool) -> dict[str, Any]:
    if returncode == 0:
        result: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return result
    if is_late:
        return _refusal(Refusal.TOO_SLOW)
    if returncode in (-signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT):
        raise IntakeKilled
    return _refusal(Refusal.UNREADABLE)


def _refusal(refusal: Refusal) -> dict[str, Any]:
    return {"error": refusal.as_json(), "problems": [], "problem_count": 0}


def _environment() -> dict[str, str]:
    passed = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    paths = [path for path in sys.path if path]
    return passed | {"PYTHONPATH": os.pathsep.join(paths), "PYTHONNOUSERSITE": "1"}
