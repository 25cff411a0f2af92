"""The launcher: everything starts, and nothing is left behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.processes import command_of, is_gone

pytestmark = [pytest.mark.flow]

LAUNCH = [sys.executable, "-m", "deploy.launch"]


def _start(var: Path, *, is_background: bool = False) -> "subprocess.Popen[str]":
    """Start it as a terminal would, or as ``&`` does in a script: there SIGINT is ignored."""
    dropped = {"REDIS_URL", "SECRET_KEY", "MODELMILL_TESTING", "DJANGO_SETTINGS_MODULE"}
    env = {key: value for key, value in os.environ.items() if key not in dropped}
    process = subprocess.Popen(
        ["sh", "-c", "trap '' INT; exec \"$@\"" if is_background else 'exec "$@"', "sh", *LAUNCH],
        env={**env, "MODELMILL_VAR_DIR": str(var), "DATABASE_URL": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    printed = []
    for line in process.stdout:
        printed.append(line)
        if "Modelmill is at" in line:
            return process
    raise AssertionError("the launcher ended before it was ready:\n" + "".join(printed))


def _family(process: "subprocess.Popen[str]") -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


def _gone(processes: list[psutil.Process], within_s: float) -> bool:
    deadline = time.monotonic() + within_s
    return all(is_gone(one.pid, timeout_s=deadline - time.monotonic()) for one in processes)


def test_it_leaves_no_process_behind_when_it_is_killed(tmp_path: Path) -> None:
    process = _start(tmp_path)
    family = _family(process)
    assert len(family) >= 7
    process.kill()
    process.wait(60)
    assert _gone(family, within_s=60)


def test_a_second_start_on_the_same_folder_is_refused_and_the_first_ends_clean(
    tmp_path: Path,
) -> None:
    first = _start(tmp_path, is_background=True)
    family = _family(first)
    second = subprocess.run(
        LAUNCH,
        env={**os.environ, "MODELMILL_VAR_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    first.send_signal(signal.SIGINT)
    assert (second.returncode, first.wait(90)) == (1, 0)
    assert "already running" in second.stderr
    assert _gone(family, within_s=60)


def test_it_ends_when_a_part_of_it_dies(tmp_path: Path) -> None:
    process = _start(tmp_path)
    family = _family(process)
    next(p for p in family if "beat" in command_of(p).split()).kill()
    assert process.wait(90) == 1
    assert process.stdout is not None
    assert "beat was killed by signal 9 (SIGKILL)" in process.stdout.read()
    assert _gone(family, within_s=60)
