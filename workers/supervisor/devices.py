"""The device this worker trains on, found without importing torch."""

import fcntl
import logging
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import IO, NamedTuple

from django.conf import settings
from modelmill.core import environment as env
from modelmill.training.devices import devices_name
from modelmill.training.services.money import CPU_METER, GPU_METER

from workers.hosts import fences_seen, fences_try
from workers.hosts.spec import MIB
from workers.isolation import meeting_isolation, memory_most_bytes
from workers.supervisor.draining import drain_asked

logger = logging.getLogger(__name__)

_QUERY = ["--query-gpu=uuid,name,memory.total", "--format=csv,noheader,nounits"]
_TIMEOUT_S = 20
_LOCK_POLL_S = 0.5


@dataclass(frozen=True, kw_only=True)
class Device:
    """What a plugin is told to use, and how its time is metered."""

    kind: str
    name: str
    meter: str
    # Of each.
    memory_mib: int = 0
    # How many of the kind one training may have, each by a process of its own.
    count: int = 1
    # What the driver calls each of them, by whatever name this worker was given it.
    uuids: tuple[str, ...] = ()

    @property
    def shown(self) -> str:
        """What the worker has, for people: "2 × NVIDIA H100"."""
        return devices_name(self.name, self.count)


def memory_limit_mib() -> int:
    """Return what a plugin's process may have of the machine's memory here."""
    # Rounded up as peaks are: what came to the very bound fits again.
    return -(-memory_most_bytes() // MIB)


@cache
def device_choose() -> Device:
    """Return the visible GPUs of the first one's kind, or the CPU.

    ``MODELMILL_DEVICE=cpu`` forces the CPU. Of several GPUs as many are for one training as the
    operator allows; on a CPU it is that many processes, at most one for each core.
    """
    most = _most_devices()
    wanted = env.text("MODELMILL_DEVICE", "auto")
    gpus = [] if wanted == "cpu" else _gpus(most)
    if not gpus:
        name = f"CPU, {os.cpu_count()} cores"
        return Device(kind="cpu", name=name, meter=CPU_METER, count=_within_cores(most))
    name = gpus[0].name
    # One of another kind would hold the others up.
    used = list(takewhile(lambda gpu: gpu.name == name, gpus))
    return Device(
        kind="cuda",
        name=name,
        meter=GPU_METER,
        memory_mib=min(gpu.memory_mib for gpu in used),
        count=len(used),
        uuids=tuple(gpu.uuid for gpu in used),
    )


def _most_devices() -> int:
    """Return how many one training may have: several need walls, behind which they can meet."""
    if settings.DEVICES_PER_JOB <= 1:
        return 1
    fences = fences_seen()
    if "L2" not in fences:
        fences_try(meeting_isolation())
        fences = fences_seen()
    why_not = fences.get("L2", {}).get("bubblewrap", "")
    if why_not.startswith("off"):
        logger.warning("Each training has one device: %s", why_not)
        return 1
    return int(settings.DEVICES_PER_JOB)


def _within_cores(most: int) -> int:
    """Return how many processes have a core each: more would be paid for, and gain nothing."""
    cores = len(os.sched_getaffinity(0))
    if most <= cores:
        return most
    logger.warning(
        "MODELMILL_DEVICES_PER_JOB is %d, but this worker has no GPU and %d of the machine's "
        "cores: each training has %d at most.",
        most,
        cores,
        cores,
    )
    return cores


@contextmanager
def device_held(device: Device) -> Iterator[None]:
    """Have GPUs to oneself on this machine, waiting for whoever has them; a CPU is shared.

    Two trainings on one card would run out of its memory. The locks are the
    kernel's, and go with the worker that has them, however that ends.
    """
    if device.kind == "cpu":
        yield
        return
    with ExitStack() as locks:
        # In one order for all: two workers with each one half would wait for ever.
        for card in sorted(device.uuids):
            path = Path(tempfile.gettempdir(), f"modelmill-gpu-{card}-{os.getuid()}.lock")
            lock = locks.enter_context(path.open("w"))
            while not drain_asked() and not _locked(lock):
                time.sleep(_LOCK_POLL_S)
        yield


def _locked(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class _Gpu(NamedTuple):
    uuid: str
    name: str
    memory_mib: int


def _gpus(most: int) -> list[_Gpu]:
    """List the first visible GPUs, up to one that does not say what memory it has."""
    tool = shutil.which("nvidia-smi")
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if tool is None or visible in {"", "-1"}:
        return []
    if not visible:
        return _told([tool, *_QUERY])[:most]
    found: list[_Gpu] = []
    # One by one: asked for several it answers in an order of its own.
    for card in visible.split(",")[:most]:
        told = _told([tool, "-i", card.strip(), *_QUERY])
        if not told:
            break
        found += told[:1]
    return found


def _told(command: list[str]) -> list[_Gpu]:
    try:
        answer = subprocess.run(
            command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return []
    found = []
    for line in answer.stdout.strip().splitlines():
        # The name alone may have a comma in it.
        uuid, _comma, rest = line.partition(",")
        name, _comma, memory = rest.rpartition(",")
        if not memory.strip().isdigit():
            break
        found.append(_Gpu(uuid.strip(), name.strip(), int(memory)))
    return found
