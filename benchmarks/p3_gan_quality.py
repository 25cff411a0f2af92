"""P3: quality of gan-faces with few pictures beside a plain DCGAN after equal seconds of training.

Both learn from the same faces and are measured by the fixed features "fixed-conv-v1" against faces
that neither saw. A seed is a round; each arm trains for ``BENCH_SECONDS`` (the CPU's own seconds on
a CPU, so that a busy machine is fair to both). The floor is what as many real faces get.
"""

import os
import statistics
import tempfile
import time
from pathlib import Path

import torch
from modelmill_gan_faces.drawing import Model, draw_many
from modelmill_gan_faces.trainer import Trainer
from modelmill_gan_faces.training import trainer_for
from modelmill_sdk.learning.features import NAME, fixed_features
from modelmill_sdk.learning.precision import Precision
from modelmill_sdk.learning.realism import Realism, realism_measure
from torch import Tensor

from benchmarks.dcgan import Dcgan, Files
from benchmarks.faces_data import faces_dataset, faces_encoded
from benchmarks.p2_gan_speed import Asked, device_chosen

PICTURES, HELD_OUT = 400, 400
SEEDS = 5
SECONDS = 90.0
# Half as varied as real faces are, or less: the same few are drawn again and again.
COLLAPSED = 0.5


def main(*, small: bool = False) -> None:
    """Print each seed's figures, their medians and ratios; fail unless the floor is the lowest."""
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    device = device_chosen()
    seconds = float(os.environ.get("BENCH_SECONDS", 2 if small else SECONDS))
    count, seeds = (100, 1) if small else (PICTURES, int(os.environ.get("BENCH_SEEDS", SEEDS)))
    encoded = faces_encoded(2 * count if small else PICTURES + HELD_OUT)
    seen, held_out = _features(encoded[:count]), _features(encoded[count:])
    print(f"{count} faces, {len(held_out)} held out, {seconds:g} s each, {seeds} seeds, {device}")
    print(f"features {NAME}; load {os.getloadavg()[0]:.2f}")
    found: dict[str, list[Realism]] = {"plain DCGAN": [], "ours": []}
    for seed in range(seeds):
        drawn = {
            "plain DCGAN": _dcgan(encoded[:count], device, seed=seed, seconds=seconds),
            "ours": _ours(encoded[:count], device, seed=seed, seconds=seconds),
        }
        for name, pictures in drawn.items():
            features = fixed_features().of(pictures.cpu())
            result = realism_measure(features, seen=seen, held_out=held_out)
            found[name].append(result)
            _print(f"{name}, seed {seed}", result)
    _summary(found)


def _summary(found: dict[str, list[Realism]]) -> None:
    medians = {
        name: [statistics.median(getattr(one, what) for one in results) for what in ("kid", "fid")]
        for name, results in found.items()
    }
    peer, ours = medians["plain DCGAN"], medians["ours"]
    floor = found["ours"][0]
    print(f"real faces: KID {floor.kid_floor:.4f}, FID {floor.fid_floor:.2f}")
    print(f"ratio of the medians: KID {ours[0] / peer[0]:.3f}, FID {ours[1] / peer[1]:.3f}")
    for name, results in found.items():
        collapsed = sum(one.variety < COLLAPSED for one in results)
        print(f"{name}: {collapsed} of {len(results)} collapsed")
        assert all(one.fid > one.fid_floor for one in results), "nothing is realer than real"


def _print(name: str, found: Realism) -> None:
    print(
        f"{name:<24} KID {found.kid:8.4f}  FID {found.fid:8.2f}  variety {found.variety:5.2f}  "
        f"nearest training picture {found.memorised:5.2f}",
        flush=True,
    )


def _dcgan(encoded: list[bytes], device: str, *, seed: int, seconds: float) -> Tensor:
    dcgan = Dcgan(encoded, device=device, seed=seed)
    began = _clock(device)
    while _clock(device) - began < seconds:
        dcgan.advance()
    return dcgan.draw(len(encoded), seed=seed)


def _ours(encoded: list[bytes], device: str, *, seed: int, seconds: float) -> Tensor:
    """Train for so long: the first tenth of it tells how many steps that are."""
    with tempfile.TemporaryDirectory() as folder:
        data = faces_dataset(Path(folder) / "data", encoded)
        probe = _asked(data, folder, device, steps=1_000, seed=seed)
        began = _clock(device)
        for _ in range(8):
            probe.advance()
        probed = _clock(device)
        count = int(8 + (seconds - (probed - began)) / ((probed - began) / 8))
        trainer = _asked(data, folder, device, steps=max(8, count), seed=seed)
        # The probe's seconds count as ours.
        while trainer.step < trainer.recipe.steps and _clock(device) - began < seconds:
            trainer.advance()
    network = trainer.average.network
    return draw_many(Model(network, trainer.config), range(len(encoded)))


def _asked(data: Path, folder: str, device: str, *, steps: int, seed: int) -> Trainer:
    asked = Asked(
        data, Path(folder) / "work", device=device, params={"steps": steps, "mirror": False}
    )
    asked.seed = seed
    trainer = trainer_for(asked)  # type: ignore[arg-type]
    trainer.precision = Precision(torch.device(device).type, device != "cpu")
    return trainer


def _clock(device: str) -> float:
    if device == "cpu":
        return time.process_time()
    torch.cuda.synchronize()
    return time.perf_counter()


def _features(encoded: list[bytes]) -> Tensor:
    files = Files(encoded, side=64)
    return fixed_features().of(torch.stack([files[n] for n in range(len(files))]))
