"""The device this worker trains on, found without importing torch."""

import fcntl
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO

from modelmill.core import environment as env
from modelmill.training.services.money import CPU_METER, GPU_METER

from workers.hosts.spec import MIB
from workers.isolation import memory_most_bytes
from workers.supervisor.draining import drain_asked

_QUERY = ["--query-gpu=name,memory.total", "--format=csv,noheader,nounits"]
_TIMEOUT_S = 20
_LOCK_POLL_S = 0.5


@dataclass(frozen=True, kw_only=True)
class Device:
    """What a plugin is told to use, and how its time is metered."""

    kind: str
    name: str
    meter: str
    memory_mib: int = 0


def memory_limit_mib() -> int:
    """Return what a plugin's process may have of the machine's memory here."""
    # Rounded up as peaks are: what came to the very bound fits again.
    return -(-memory_most_bytes() // MIB)


@cache
def device_choose() -> Device:
    """Return the first visible GPU, or the CPU; ``MODELMILL_DEVICE=cpu`` forces the CPU."""
    wanted = env.text("MODELMILL_DEVICE", "auto")
    gpu = None if wanted == "cpu" else _first_gpu()
    if gpu is not None:
        return gpu
    return Device(kind="cpu", name=f"CPU, {os.cpu_count()} cores", meter=CPU_METER)


@contextmanager
def device_held(device: Device) -> Iterator[None]:
    """Have a GPU to oneself on this machine, waiting for whoever has it; a CPU is shared.

    Two trainings on one card would run out of its memory. The lock is the
    kernel's, and goes with the worker that has it, however that ends.
    """
    if device.kind == "cpu":
        yield
        return
    card = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0]
    path = Path(tempfile.gettempdir(), f"modelmill-gpu-{card}-{os.getuid()}.lock")
    with path.open("w") as lock:
        while not drain_asked() and not _locked(lock):
            time.sleep(_LOCK_POLL_S)
        yield


def _locked(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _first_gpu() -> Device | None:
    tool = shutil.which("nvidia-smi")
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if tool is None or visible in {"", "-1"}:
        return None
    which = ["-i", visible.split(",")[0]] if visible else []
    try:
        answer = subprocess.run(
            [tool, *which, *_QUERY], capture_output=True, text=True, timeout=_TIMEOUT_S, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    lines = answer.stdout.strip().splitlines()
    if not lines:
        return None
    name, _comma, memory = lines[0].rpartition(",")
    return Device(
        kind="cuda", name=name.strip(), meter=GPU_METER, memory_mib=int(memory.strip() or 0)
    )
