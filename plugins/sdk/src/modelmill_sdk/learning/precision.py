"""Half precision where a short probe shows that it pays.

bfloat16 gives nothing for tiny networks on a CPU and more than twice the speed for large ones, so
neither yes nor no is right for all: measure.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from modelmill_sdk.errors import CustomerError, memory_ran_out

PROBE_S = 2.0
# A gain below this is noise, and float32 is the safer of two equals.
_WORTH = 1.15


@dataclass(frozen=True)
class Precision:
    """Whether to compute in bfloat16, and on which kind of device."""

    device_type: str
    is_half: bool

    @contextmanager
    def autocast(self) -> Iterator[None]:
        """Compute in the chosen precision within the block; weights and losses stay float32."""
        with torch.autocast(self.device_type, torch.bfloat16, enabled=self.is_half):
            yield

    @property
    def name(self) -> str:
        """The name that is shown: "bfloat16" or "float32"."""
        return "bfloat16" if self.is_half else "float32"


def precision_choose(
    asked: str,
    *,
    device: str,
    step: Callable[[Precision], object],
    probe_s: float = PROBE_S,
) -> Precision:
    """Choose "float32" or "bfloat16" as asked, and for "auto" whichever is faster here.

    ``step(precision)`` computes forward and backward of one batch and changes nothing that lasts:
    neither weights nor random generators. On a CPU "auto" is float32 without a probe: a choice
    that hangs on the machine's speed would let one seed give other weights elsewhere. Ask for
    "probe" to measure there, too. Raises CustomerError for a "bfloat16" that the device cannot
    compute the network in.
    """
    kind = torch.device(device).type
    full, half = Precision(kind, False), Precision(kind, True)
    if asked == "float32" or (kind == "cpu" and asked == "auto"):
        return full
    with torch.random.fork_rng(devices=_generators(device)):
        if not _computes(step, half):
            if asked == "bfloat16":
                raise CustomerError(
                    "The device that trains cannot compute this network in bfloat16. Choose "
                    "float32, or auto.",
                    param="precision",
                )
            return full
        if asked == "bfloat16":
            return half
        pace = {choice: _pace(step, choice, probe_s / 2) for choice in (full, half)}
    return half if pace[half] > _WORTH * pace[full] else full


def _computes(step: Callable[[Precision], object], precision: Precision) -> bool:
    """Try one step: what a processor has for bfloat16 differs from layer to layer."""
    if precision.device_type == "cuda" and not torch.cuda.is_bf16_supported():
        return False
    try:
        step(precision)
    except RuntimeError as error:
        if memory_ran_out(error):
            raise
        return False
    return True


def _pace(step: Callable[[Precision], object], precision: Precision, span_s: float) -> float:
    """Steps per second, the first one left out: it allocates and compiles."""
    step(precision)
    _wait(precision)
    began, count = time.perf_counter(), 0
    while True:
        step(precision)
        _wait(precision)
        count += 1
        passed_s = time.perf_counter() - began
        if passed_s >= span_s:
            return count / passed_s


def _generators(device: str) -> list[int]:
    """Name the GPU whose generator is drawn from: another's belongs to another process."""
    place = torch.device(device)
    if place.type != "cuda":
        return []
    return [torch.cuda.current_device() if place.index is None else place.index]


def _wait(precision: Precision) -> None:
    if precision.device_type == "cuda":
        torch.cuda.synchronize()
