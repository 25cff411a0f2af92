"""P5: a language model from scratch at equal seconds: nanoGPT, Hugging Face's Trainer, ours.

All three learn the same text in the same seconds and are measured on the same held-out tenth in
nats a character, so their tokenizers do not matter. Seconds are CPU seconds on a CPU, and include
what the plugin does beside learning: its tokenizer, measurements, samples. On a GPU
(``--device cuda``) they are seconds of the wall. ``TINY_SHAKESPEARE=path`` gives the text that
nanoGPT's figures are for; the text is Moby-Dick without it.

    python -m benchmarks p5 --seconds 140
    python -m benchmarks p5 --device cuda --seconds 60 --rounds 1
    python -m benchmarks p5 --arms ours --set size=small --set dropout=0.1
"""

import argparse
import json
import math
import os
import platform
import statistics
import tempfile
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from modelmill_sdk.protocol import Progress

from benchmarks.clocks import Clock
from benchmarks.language_text import Halves, halves

Arm = Callable[[int], float]

_OURS = {"cpu": {"vocabulary": 2048}, "cuda": {"vocabulary": 2048}}
_TRIED_STEPS = 14
# What the plugin spends beside its steps: measurements and samples.
_LEARNING_SHARE = 0.9


def main(*, small: bool = False, arguments: Sequence[str] = ()) -> None:
    """Print each arm's held-out loss; fail when one has learned nothing."""
    options = _options(arguments, small=small)
    import torch

    torch.set_num_threads(1 if options.device == "cpu" else os.cpu_count() or 1)
    text = halves(chars=40_000 if small else None)
    print(
        f"{text.name}: {len(text.learned):,} characters to learn, {len(text.heldout):,} held out; "
        f"{options.seconds:g} {'CPU ' if options.device == 'cpu' else ''}seconds each; "
        f"{_machine(options.device)}, load {os.getloadavg()[0]:.2f}"
    )
    arms: dict[str, Arm] = {
        "nanogpt": lambda seed: _nanogpt(text, seed, options),
        "trainer": lambda seed: _trainer(text, seed, options),
        "ours": lambda seed: _ours(text, seed, options),
    }
    losses: dict[str, list[float]] = {name: [] for name in arms if name in options.arms}
    for seed in range(1, options.rounds + 1):
        for name, found in losses.items():
            found.append(arms[name](seed))
            # A uniform guess among 65 characters is 4.2.
            assert 0 < found[-1] < math.log(65), (name, found[-1])
    _print(losses)


def _options(arguments: Sequence[str], *, small: bool) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks p5", description=__doc__)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--seconds", type=float, default=3.0 if small else 60.0)
    parser.add_argument("--rounds", type=int, default=1 if small else 5)
    parser.add_argument("--arms", nargs="+", default=["nanogpt", "trainer", "ours"])
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="a parameter of ours"
    )
    return parser.parse_args(list(arguments))


def _nanogpt(text: Halves, seed: int, options: argparse.Namespace) -> float:
    from benchmarks import nanogpt

    setting = nanogpt.CPU if options.device == "cpu" else nanogpt.GPU
    clock = Clock(options.device)
    loss, steps = nanogpt.train_nanogpt(
        text, seconds=options.seconds, seed=seed, device=options.device, setting=setting
    )
    return _told("nanogpt", seed, loss, steps=steps, seconds=clock.passed_s)


def _trainer(text: Halves, seed: int, options: argparse.Namespace) -> float:
    from benchmarks import hf_trainer

    setting = hf_trainer.CPU if options.device == "cpu" else hf_trainer.GPU
    loss, steps, seconds = hf_trainer.train_hf(
        text, seconds=options.seconds, seed=seed, device=options.device, setting=setting
    )
    return _told("trainer", seed, loss, steps=steps, seconds=seconds)


def _ours(text: Halves, seed: int, options: argparse.Namespace) -> float:
    params: dict[str, Any] = dict(_OURS[options.device])
    for given in options.set:
        name, _, value = given.partition("=")
        params[name] = json.loads(value) if value[:1] in "0123456789tf" else value
    with tempfile.TemporaryDirectory() as folder:
        return _train_ours(text, seed, options, params=params, folder=Path(folder))


def _train_ours(
    text: Halves,
    seed: int,
    options: argparse.Namespace,
    *,
    params: dict[str, Any],
    folder: Path,
) -> float:
    from modelmill_sdk.testing import Recorder, dataset_write, train_once
    from modelmill_text_generation.plugin import TextGeneration

    rows = [[{"text": row} for row in part.split("\n\n")] for part in (text.learned, text.heldout)]
    data = dataset_write(folder / "data", "text", train=rows[0], validation=rows[1])
    if "steps" not in params and options.device == "cpu":
        params["steps"] = _fitting_steps(data, params, seconds=options.seconds, folder=folder)
    # On a GPU the text is learned by heart long before a minute is over: the plugin decides.
    clock, recorder = Clock(options.device), Recorder()
    _, metrics = train_once(
        TextGeneration,
        data,
        params,
        folder / "real",
        seed,
        device=options.device,
        recorder=recorder,
    )
    seconds, bits = clock.passed_s, metrics["bits_per_character"]
    assert bits is not None
    steps = max(one.step for one in recorder.messages if isinstance(one, Progress))
    return _told("ours", seed, bits * math.log(2), steps=steps, seconds=seconds)


def _fitting_steps(data: Path, params: dict[str, Any], *, seconds: float, folder: Path) -> int:
    """Give the steps that fit into the seconds, from a short training before."""
    from modelmill_sdk.testing import Recorder, train_once
    from modelmill_text_generation.plugin import TextGeneration

    clock, moments = Clock("cpu"), []

    class Stopwatch(Recorder):
        def tell(self, message: Any) -> None:
            if isinstance(message, Progress):
                moments.append(clock.passed_s)

    short = {**params, "steps": _TRIED_STEPS, "patience": 0}
    train_once(TextGeneration, data, short, folder / "try", recorder=Stopwatch())
    paces = [later - earlier for earlier, later in pairwise(moments)]
    left_s = (seconds - moments[0]) * _LEARNING_SHARE
    # The quickest quarter: in so short a training half of the steps have a measurement or a sample.
    return max(2, round(left_s / statistics.quantiles(paces, n=4)[0]))


def _told(name: str, seed: int, loss: float, *, steps: int, seconds: float) -> float:
    print(f"  {name}, seed {seed}: {loss:.3f} in {steps:,} steps, {seconds:.0f} s", flush=True)
    return loss


def _print(losses: dict[str, list[float]]) -> None:
    peer = next(iter(losses.values()))
    print(f"{'arm':<12}{'median':>10}{'best':>10}{'lower by':>10}   (nats a character held out)")
    for name, found in losses.items():
        lower = statistics.median(a - b for a, b in zip(peer, found, strict=True))
        print(f"{name:<12}{statistics.median(found):>10.3f}{min(found):>10.3f}{lower:>10.3f}")
    ratio = statistics.median(peer) / statistics.median(list(losses.values())[-1])
    print(f"ratio of the first to the last: {ratio:.3f}; load {os.getloadavg()[0]:.2f} at the end")


def _machine(device: str) -> str:
    if device == "cpu":
        return f"{platform.machine()}, one thread of {os.cpu_count()} cores"
    import torch

    return torch.cuda.get_device_name()
