"""P2: training speed of gan-faces at 64×64 beside a textbook DCGAN, in pictures per second.

Both read their pictures themselves: the DCGAN from files, ours from its decoded array; ours does
its augmentation, penalties and average too. The arm "as wide" has the DCGAN's widths and batch.
``BENCH_DEVICE`` chooses the device; without it CUDA where there is one.
"""

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from modelmill_gan_faces.params import TrainParams
from modelmill_gan_faces.training import trainer_for
from modelmill_sdk.data import TrainData
from modelmill_sdk.learning.precision import Precision

from benchmarks.dcgan import BATCH, Dcgan
from benchmarks.faces_data import faces_dataset, faces_encoded
from benchmarks.rounds import rounds_run

# A multiple of four, since every fourth step is a penalised one.
STEPS = 4
PICTURES = 256
SEED = 0


class Asked:
    """What a trainer is built from, in place of a run."""

    def __init__(self, data: Path, work: Path, *, device: str, params: dict[str, Any]) -> None:
        self.data = TrainData(data, cache_dir=work / "cache")
        self.params = TrainParams(**params)
        self.device, self.seed, self.threads, self.workdir = device, SEED, 1, work
        self.log: Callable[[str], None] = lambda message: None


def main(*, small: bool = False) -> None:
    """Print the pictures per second of each arm; fail where a loss is no longer a number."""
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    device = device_chosen()
    steps = STEPS if device == "cpu" else 200
    encoded = faces_encoded(128 if small else PICTURES)
    print(f"{len(encoded)} faces of 64×64, {steps} steps an arm and round, seed {SEED}, {device}")
    with tempfile.TemporaryDirectory() as folder:
        data = faces_dataset(Path(folder) / "data", encoded)
        wide = {"size": "small" if small else "large", "batch_size": 16 if small else BATCH}
        shipped = "ours as shipped (small, 16, float32)" if device == "cpu" else "ours as shipped"
        rounds_run(
            {
                "textbook DCGAN (64 wide, 64, float32)": _peer(encoded, device, steps=steps),
                "ours as wide, bfloat16": _ours(
                    Asked(data, Path(folder) / "wide", device=device, params=wide),
                    half=True,
                    steps=steps,
                ),
                shipped: _ours(
                    Asked(data, Path(folder) / "shipped", device=device, params={}),
                    half=device != "cpu",
                    steps=steps,
                ),
            },
            rounds=1 if small else 5,
            unit="pictures",
        )


def device_chosen() -> str:
    """Give the device to measure on."""
    found = "cuda" if torch.cuda.is_available() else "cpu"
    return os.environ.get("BENCH_DEVICE", found)


def _peer(encoded: list[bytes], device: str, *, steps: int) -> Callable[[], float]:
    dcgan = Dcgan(encoded, device=device, seed=SEED)
    return lambda: _rate(dcgan.advance, device, steps=steps, batch_size=BATCH)


def _ours(asked: Any, *, half: bool, steps: int) -> Callable[[], float]:
    trainer = trainer_for(asked)
    trainer.precision = Precision(torch.device(asked.device).type, half)

    def rate() -> float:
        found = _rate(
            trainer.advance, asked.device, steps=steps, batch_size=trainer.recipe.batch_size
        )
        weights = trainer.average.network.parameters()
        assert all(bool(weight.isfinite().all()) for weight in weights), "the training broke down"
        return found

    return rate


def _rate(step: Callable[[], object], device: str, *, steps: int, batch_size: int) -> float:
    _wait(device)
    began = time.perf_counter()
    for _ in range(steps):
        step()
    _wait(device)
    return steps * batch_size / (time.perf_counter() - began)


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()
