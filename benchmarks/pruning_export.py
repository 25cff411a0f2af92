"""Pruning: what weights set to zero cost and gain, on a classifier of scanned digits.

The smallest weights of each linear and convolutional layer go: Han et al., "Learning both weights
and connections for efficient neural networks", NIPS 2015. Learnt and measured are scikit-learn's
digits, 28 pixels a side, a quarter of them held out; one thread, all arms in turn.
"""

import copy
import statistics
import tempfile
import time
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

from safetensors.torch import save

SHARES = (0.0, 0.3, 0.5, 0.7, 0.9)
ROUNDS, ROUNDS_SMALL = 15, 2


def main(*, small: bool = False) -> None:
    """Print for each share pruned: accuracy, file, file as it travels compressed, and speed."""
    import torch

    torch.set_num_threads(1)
    network, pictures, labels = _trained(small=small)
    arms = {share: _pruned(network, share) for share in SHARES}
    spent = _seconds(arms, pictures, rounds=ROUNDS_SMALL if small else ROUNDS)
    whole = save(_tensors(network))
    compressed = len(zlib.compress(whole))
    print(f"{'pruned':<10}{'accuracy':>10}{'file ratio':>12}{'compressed':>12}{'time ratio':>12}")
    for share, arm in arms.items():
        with torch.inference_mode():
            right = (arm(pictures).argmax(dim=1) == labels).float().mean().item()
        file = save(_tensors(arm))
        sizes = f"{len(file) / len(whole):>12.3f}{len(zlib.compress(file)) / compressed:>12.3f}"
        print(f"{share:<10.0%}{right:>10.4f}{sizes}{spent[share] / spent[0.0]:>12.2f}")


def _trained(*, small: bool) -> tuple[Any, Any, Any]:
    """Train; give the network, and what was held out as it sees it, with its labels."""
    import numpy as np
    import torch
    from modelmill_image_classification.models import model_load
    from modelmill_image_classification.plugin import ImageClassification
    from modelmill_sdk.testing import dataset_write, train_once
    from PIL import Image
    from sklearn.datasets import load_digits

    digits = load_digits()
    rows: list[dict[str, Any]] = []
    pixels = []
    for image, label in zip(digits.images, digits.target, strict=True):
        picture = Image.fromarray((image * 15.9).astype("uint8")).resize((28, 28))
        pixels.append(np.asarray(picture)[:, :, None])
        encoded = BytesIO()
        picture.save(encoded, "PNG")
        rows.append({"image": {"bytes": encoded.getvalue(), "path": None}, "label": int(label)})
    kept = len(rows) // 4
    with tempfile.TemporaryDirectory() as folder:
        names = [str(number) for number in range(10)]
        data = dataset_write(
            Path(folder) / "data", "labelled_images", train=rows[kept:], label_names=names
        )
        params = {"resolution": 28, "epochs": 1 if small else 8}
        model_dir, _ = train_once(ImageClassification, data, params, Path(folder) / "work")
        model = model_load(model_dir, "cpu")
    seen = model.eyes(torch.from_numpy(np.stack(pixels[:kept])))
    return model.network, seen, torch.from_numpy(digits.target[:kept])


def _pruned(network: Any, share: float) -> Any:
    """A copy without the smallest share of each layer's weights."""
    import torch

    smaller = copy.deepcopy(network)
    for layer in smaller.modules():
        if isinstance(layer, torch.nn.Linear | torch.nn.Conv2d):
            weight = layer.weight.data
            count = int(weight.numel() * share)
            if count:
                weight.mul_(weight.abs() > weight.abs().flatten().kthvalue(count).values)
    return smaller


def _tensors(network: Any) -> dict[str, Any]:
    return {name: value.contiguous() for name, value in network.state_dict().items()}


def _seconds(arms: dict[float, Any], pictures: Any, *, rounds: int) -> dict[float, float]:
    """The processor's own seconds of all pictures, the median over rounds."""
    import torch

    def answer(arm: Callable[[Any], Any]) -> float:
        began = time.process_time()
        with torch.inference_mode():
            arm(pictures)
        return time.process_time() - began

    spent: dict[float, list[float]] = {share: [] for share in arms}
    for _ in range(rounds):
        for share, arm in arms.items():
            spent[share].append(answer(arm))
    return {share: statistics.median(took) for share, took in spent.items()}
