"""The device this worker trains on, found without importing torch."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache

from modelmill.core import environment as env
from modelmill.training.services.money import CPU_METER, GPU_METER

_QUERY = ["--query-gpu=name,memory.total", "--format=csv,noheader,nounits"]
_TIMEOUT_S = 20


@dataclass(frozen=True, kw_only=True)
class Device:
    """What a plugin is told to use, and how its time is metered."""

    kind: str
    name: str
    meter: str
    memory_mib: int = 0


@cache
def device_choose() -> Device:
    """Return the first visible GPU, or the CPU; ``MODELMILL_DEVICE=cpu`` forces the CPU."""
    wanted = env.text("MODELMILL_DEVICE", "auto")
    gpu = None if wanted == "cpu" else _first_gpu()
    if gpu is not None:
        return gpu
    return Device(kind="cpu", name=f"CPU, {os.cpu_count()} cores", meter=CPU_METER)


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
