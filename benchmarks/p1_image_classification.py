"""P1: image classification beside the textbook network in Keras, one thread each.

Digits of 28x28: 8,000 to learn from, 2,000 to be tested on, in an order that a seed shuffles. Ours
keeps a sixteenth of the 8,000 for choosing and calibrating, and pays for decoding PNG files,
calibration and report; the peer is handed arrays. Rates are of CPU seconds, which neighbours on the
same cores disturb less than the clock. The small form leaves out the peer, which only benchmarks
install. ``--data whole`` is all of MNIST with its own test, ``--data moods`` two classes of drawn
people of 150x150, ``--data FILE`` an npz file with ``pixels (N, H, W, C)`` and ``labels (N,)``.
"""

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers import json_of, peers_python
from benchmarks.rounds import rounds_run

HERE = Path(__file__).parent
EPOCHS = 12
QUICK = {"width": 16, "epochs": 1, "augment": False}
WHOLE: dict[str, Any] = {}


def main(*, small: bool = False, arguments: Sequence[str] = ()) -> None:
    """Print speed and accuracy of each arm; fail where ours learns nothing."""
    options = _options(arguments)
    ours = Path(sys.executable)
    rounds, epochs = (1, 1) if small else (options.rounds, EPOCHS)
    whole = {"width": 8, "epochs": 1} if small else WHOLE
    seen: dict[str, list[dict[str, Any]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        arrays, data = _data(Path(folder), *_examples(options.data), small=small)

        def arm(name: str, python: Path, script: str, *words: str) -> Callable[[], float]:
            def run() -> float:
                seed = len(seen.setdefault(name, []))
                result = json_of(python, HERE / script, *words, str(seed))
                seen[name].append(result)
                return 60 / float(result["seconds"])

            return run

        textbook = (str(arrays), str(epochs))
        same, half = "the same network in our habits", "the same in bfloat16"
        quick, shipped = "ours, one epoch", "ours, as it comes"
        arms = {
            same: arm(same, ours, "p1_textbook.py", *textbook, "float32"),
            half: arm(half, ours, "p1_textbook.py", *textbook, "bfloat16"),
            quick: arm(quick, ours, "p1_ours.py", str(data), json.dumps(QUICK)),
            shipped: arm(shipped, ours, "p1_ours.py", str(data), json.dumps(whole)),
        }
        if options.brief:
            del arms[same], arms[half]
        if not small:
            keras = arm("Keras, textbook", peers_python(), "p1_keras.py", *textbook)
            # The first one is what the others are measured by.
            arms = {f"Keras, textbook, {epochs} epochs": keras, **arms}
        rounds_run(arms, rounds=rounds, unit="trainings per CPU minute")
    # A training of seconds on a tenth of the digits only has to beat guessing.
    _print(seen, least=0.15 if small else 0.9)


def _print(seen: dict[str, list[dict[str, Any]]], *, least: float) -> None:
    print(f"{'arm':<34}{'CPU s':>8}{'accuracy, mean':>16}{'least':>9}{'calibration error':>19}")
    for name, results in seen.items():
        shares = [float(one["accuracy"]) for one in results]
        seconds = statistics.median(float(one["seconds"]) for one in results)
        errors = [float(one["calibration_error"]) for one in results if "calibration_error" in one]
        error = f"{statistics.mean(errors):.4f}" if errors else "–"
        mean = statistics.mean(shares)
        print(f"{name:<34}{seconds:>8.2f}{mean:>16.4f}{min(shares):>9.4f}{error:>19}")
        assert mean > least, (name, shares)


def _data(folder: Path, pixels: Any, labels: Any, tests: int, *, small: bool) -> tuple[Path, Path]:
    """Write the same examples twice: arrays for the peer, a dataset of PNG files for us."""
    from modelmill_sdk.testing import dataset_write
    from PIL import Image

    if small:
        pixels, labels, tests = pixels[:1_000], labels[:1_000], 200
    count, held = len(labels), len(labels) // 20
    train = count - tests
    arrays = folder / "arrays.npz"
    parts = {"train_x": pixels[:train], "train_y": labels[:train]}
    parts |= {"test_x": pixels[train:count], "test_y": labels[train:count]}
    np.savez(arrays, **parts)
    print(f"{train} to learn from, {tests} to be tested on, of {pixels.shape[1:]}; seeds from 0 up")
    rows = [
        {"image": Image.fromarray(one[:, :, 0] if one.shape[2] == 1 else one), "label": int(label)}
        for one, label in zip(pixels, labels, strict=True)
    ]
    names = [str(number) for number in range(int(labels.max()) + 1)]
    data = dataset_write(
        folder / "data",
        "labelled_images",
        train=rows[: train - held],
        validation=rows[train - held : train],
        test=rows[train:],
        label_names=names,
    )
    return arrays, data


def _examples(data: str) -> tuple[Any, Any, int]:
    """Give pixels ``(N, H, W, C)``, labels ``(N,)``, and how many of the last are for the test."""
    if data == "moods":
        from benchmarks.moods import moods

        return *moods(2_500), 500
    if data in {"digits", "whole"}:
        from benchmarks.digits import digits, digits_whole

        pixels, labels = digits() if data == "digits" else digits_whole()
        return pixels[:, :, :, None], labels, 2_000 if data == "digits" else 10_000
    with np.load(data) as kept:
        return kept["pixels"], kept["labels"], len(kept["labels"]) // 5


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks p1", description=__doc__)
    parser.add_argument("--data", default="digits", help="digits, whole, moods, or a file")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--brief", action="store_true", help="without the peer's network in torch")
    return parser.parse_args(list(arguments))
