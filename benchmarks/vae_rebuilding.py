"""VAE: held-out error of image-vae beside the autoencoder that tutorials give, at equal seconds.

The peer: two strided convolutions, a linear layer to a latent of the same size, the same way back,
squared error, Adam at 0.001, batches of 64. ``BENCH_SECONDS`` are the CPU's own on a CPU.
"""

import os
import statistics
import time
from types import SimpleNamespace

import torch
import torch.nn.functional as F
from modelmill_image_vae.losses import likeness
from modelmill_image_vae.params import TrainParams
from modelmill_image_vae.trainer import Trainer
from modelmill_image_vae.training import trainer_for
from modelmill_sdk.learning.precision import Precision
from torch import Tensor, nn

from benchmarks.dcgan import Files
from benchmarks.faces_data import faces_encoded
from benchmarks.p2_gan_speed import device_chosen

LATENT = 64
PICTURES, HELD_OUT = 400, 400
SEEDS = 5
SECONDS = 40.0


def main(*, small: bool = False) -> None:
    """Print squared and absolute error and similarity of both, and the ratios of the medians."""
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    device = device_chosen()
    seconds = float(os.environ.get("BENCH_SECONDS", 2 if small else SECONDS))
    count, seeds = (100, 1) if small else (PICTURES, int(os.environ.get("BENCH_SEEDS", SEEDS)))
    files = Files(faces_encoded(2 * count if small else PICTURES + HELD_OUT), side=64)
    pictures = torch.stack([files[n] for n in range(len(files))]).to(device)  # (N, C, H, W)
    learnt, held_out = pictures[:count], pictures[count:]
    print(f"{count} faces of 64×64, {len(held_out)} held out, latents of {LATENT}, {seconds:g} s")
    print(f"{seeds} seeds, {device}, load {os.getloadavg()[0]:.2f}")
    found: dict[str, list[list[float]]] = {"tutorial's autoencoder": [], "ours": []}
    for seed in range(seeds):
        arms = {
            "tutorial's autoencoder": _tutorial(learnt, held_out, seed=seed, seconds=seconds),
            "ours": _ours(learnt, held_out, seed=seed, seconds=seconds),
        }
        for name, rebuilt in arms.items():
            found[name].append(_figures(rebuilt, held_out))
            squared, absolute, similarity = found[name][-1]
            print(
                f"{name:<24} seed {seed}: squared {squared:.5f}  absolute {absolute:.5f}  "
                f"SSIM {similarity:.3f}",
                flush=True,
            )
    peer, ours = (
        [statistics.median(figures) for figures in zip(*results, strict=True)]
        for results in found.values()
    )
    print(
        f"ratio of the medians: squared {ours[0] / peer[0]:.3f}, absolute {ours[1] / peer[1]:.3f}"
    )


def _figures(rebuilt: Tensor, pictures: Tensor) -> list[float]:
    difference = (rebuilt - pictures) / 2
    assert bool(difference.isfinite().all()), "the training broke down"
    return [
        float(difference.square().mean()),
        float(difference.abs().mean()),
        float(likeness(rebuilt, pictures).mean()),
    ]


def _tutorial(learnt: Tensor, held_out: Tensor, *, seed: int, seconds: float) -> Tensor:
    torch.manual_seed(seed)
    network = nn.Sequential(
        *(nn.Conv2d(3, 32, 3, stride=2, padding=1), nn.ReLU()),
        *(nn.Conv2d(32, 64, 3, stride=2, padding=1), nn.ReLU()),
        *(nn.Flatten(), nn.Linear(64 * 16 * 16, LATENT)),
        *(nn.Linear(LATENT, 64 * 16 * 16), nn.ReLU(), nn.Unflatten(1, (64, 16, 16))),
        *(nn.ConvTranspose2d(64, 32, 4, stride=2, padding=1), nn.ReLU()),
        *(nn.ConvTranspose2d(32, 3, 4, stride=2, padding=1), nn.Tanh()),
    ).to(learnt.device)
    adam = torch.optim.Adam(network.parameters(), 0.001)
    began = _clock(learnt.device)
    while _clock(learnt.device) - began < seconds:
        batch = learnt[torch.randint(len(learnt), (64,), device=learnt.device)]
        adam.zero_grad()
        F.mse_loss(network(batch), batch).backward()  # type: ignore[no-untyped-call]
        adam.step()
    with torch.no_grad():
        return torch.cat([network(part) for part in torch.split(held_out, 64)])


def _ours(learnt: Tensor, held_out: Tensor, *, seed: int, seconds: float) -> Tensor:
    """Train for so long: the first steps tell how many that are."""
    device = str(learnt.device.type)
    stored = ((learnt + 1) * 127.5).round().byte().permute(0, 2, 3, 1).cpu().numpy()
    began = _clock(learnt.device)
    probe = _trainer(stored, device, steps=1_000, seed=seed)
    for _ in range(8):
        probe.advance()
    step_s = (_clock(learnt.device) - began) / 8
    trainer = _trainer(stored, device, steps=max(8, int(seconds / step_s) - 8), seed=seed)
    while trainer.step < trainer.recipe.steps and _clock(learnt.device) - began < seconds:
        trainer.advance()
    network = trainer.average.network
    with torch.no_grad():
        parts = [network.decode(network.encode(part)[0]) for part in torch.split(held_out, 64)]
    return torch.cat(parts)


def _trainer(stored: object, device: str, *, steps: int, seed: int) -> Trainer:
    params = TrainParams(steps=steps, mirror=False, latent_size=LATENT)
    asked = SimpleNamespace(
        params=params,
        device=device,
        rank=0,
        world_size=1,
        seed=seed,
        threads=1,
        log=lambda message: None,
    )
    trainer = trainer_for(asked, stored)  # type: ignore[arg-type]
    trainer.precision = Precision(device, device != "cpu")
    return trainer


def _clock(device: torch.device) -> float:
    if device.type == "cpu":
        return time.process_time()
    torch.cuda.synchronize()
    return time.perf_counter()
